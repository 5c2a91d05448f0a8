#!/usr/bin/env bash
# Install the Debian packages that a verb of the Makefile needs beyond Python: debian-packages.sh VERB
#
# A package counts as there when its command is, however it was installed; those named in `with` have
# none and come along. Most verbs stop without theirs; `peers` leaves out what it cannot measure and
# says so; `test` needs a browser for one page only and goes on, and that one test says that it did
# not run.
set -euo pipefail

# command=package
case "${1:-}" in
  check) wanted=(docker-compose) with=() may_sudo=yes otherwise=stop ;;
  compose-test) wanted=(dockerd=docker.io docker=docker.io docker-compose iptables debootstrap mvn=maven)
    with=() may_sudo=no otherwise=stop ;;
  bench) wanted=(wrk gcc) with=(libc6-dev) may_sudo=yes otherwise=stop ;;
  peers) wanted=(npm) with=() may_sudo=yes otherwise=go_on ;;
  oidc) wanted=(node=nodejs npm) with=() may_sudo=no otherwise=stop ;;
  kafka) wanted=(java=default-jre-headless mvn=maven) with=() may_sudo=no otherwise=stop ;;
  test) wanted=(chromium) with=() may_sudo=no otherwise=go_on ;;
  *) echo "usage: $0 bench|check|compose-test|kafka|oidc|peers|test" >&2; exit 2 ;;
esac

missing=()
for one in "${wanted[@]}"; do
  command -v "${one%%=*}" >/dev/null || missing+=("${one#*=}")
done
[ "${#missing[@]}" -gt 0 ] || exit 0

give_up() {
  echo "$1; install by hand: apt-get install ${missing[*]}" >&2
  [ "$otherwise" = go_on ] && exit 0
  exit 1
}

command -v apt-get >/dev/null || give_up "This is no Debian or Ubuntu"
if [ "$(id -u)" -eq 0 ]; then
  as_root=(env)
elif [ "$may_sudo" = yes ] && command -v sudo >/dev/null; then
  as_root=(sudo env)
else
  give_up "Installing ${missing[*]} takes root"
fi

echo "Installing ${missing[*]}"
apt=("${as_root[@]}" DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300)
"${apt[@]}" update >/dev/null || give_up "apt-get update failed"
"${apt[@]}" install --yes --no-install-recommends "${missing[@]}" "${with[@]}" >/dev/null ||
  give_up "apt-get could not install ${missing[*]}"
