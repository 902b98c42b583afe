#!/usr/bin/env bash
# Installs WaMe Box from this clone as a service: program in /opt/wame-box, data in /var/lib/wame-box, key beside it.
# Run it again to upgrade. Needs root, Debian or Ubuntu, Python 3.11 or newer.
#   --prefix DIR     program folder instead of /opt/wame-box
#   --no-service     only the program: no user, no systemd unit
set -euo pipefail

prefix=/opt/wame-box
service=yes
while [ $# -gt 0 ]; do
    case $1 in
    --prefix) prefix=$2; shift 2 ;;
    --no-service) service=no; shift ;;
    *) sed -n '2,5s/^# \{0,1\}//p' "$0"; exit 2 ;;
    esac
done

[ "$(id -u)" = 0 ] || { echo "Please run it as root." >&2; exit 1; }
source_folder=$(cd "$(dirname "$0")" && pwd)
python=${PYTHON:-python3}
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed." >&2; exit 1; }
"$python" -c 'import ensurepip, venv' 2>/dev/null || { apt-get update -qq && apt-get install -y -qq python3-venv >/dev/null; }

install -d -m 755 "$prefix"
[ -x "$prefix/.venv/bin/python" ] || "$python" -m venv "$prefix/.venv"
pip=("$prefix/.venv/bin/python" -m pip install --quiet --disable-pip-version-check)
"${pip[@]}" --require-hashes -r "$source_folder/requirements.txt"
"${pip[@]}" --no-deps --no-build-isolation --force-reinstall "$source_folder"
echo "Installed: $("$prefix/.venv/bin/wame-box" version) in $prefix"

[ "$service" = yes ] || exit 0
id wame-box >/dev/null 2>&1 || useradd --system --home-dir /var/lib/wame-box --shell /usr/sbin/nologin wame-box
install -d -m 700 -o wame-box -g wame-box /var/lib/wame-box /var/lib/wame-box-key
sed "s#/opt/wame-box#$prefix#" "$source_folder/systemd/wame-box.service" >/etc/systemd/system/wame-box.service
systemctl daemon-reload
systemctl enable wame-box.service
systemctl restart wame-box.service
echo "The link of the first run: journalctl -u wame-box | grep welcome"
echo "Keep a copy of /var/lib/wame-box-key/box.key elsewhere: without it the data is lost."
