#!/bin/sh
# The ACPI power button.
sync
poweroff -f
