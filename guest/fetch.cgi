#!/bin/sh
# Fetches the URL in the query string from inside the guest, to show that the guest reaches the outside.
printf 'Content-Type: text/plain\r\n\r\n'
case "$QUERY_STRING" in
http://*) timeout 5 wget -q -O - "$QUERY_STRING" 2>&1 | head -c 4096 ;;
*) echo 'usage: fetch?http://HOST/' ;;
esac
