#!/usr/bin/env bash
# Sees to it that this computer has what a target needs: `system.sh build|test`.
#
# On Debian and its children the missing packages are installed by apt (through sudo where we are not root);
# elsewhere they are named. What is there already costs a look and no more.
set -euo pipefail

purpose=${1:?usage: system.sh build|test}

build_packages=(build-essential pkg-config libwebkit2gtk-4.1-dev libayatana-appindicator3-dev)
test_packages=(xvfb xauth dbus webkit2gtk-driver chromium fonts-dejavu-core
    mosquitto mosquitto-clients python3 python3-venv iproute2 util-linux libnss3-tools)

case $purpose in
    build) packages=("${build_packages[@]}") ;;
    test) packages=("${build_packages[@]}" "${test_packages[@]}") ;;
    *)
        echo "usage: system.sh build|test" >&2
        exit 2
        ;;
esac

problems=()

check_toolchains() {
    command -v cargo >/dev/null ||
        problems+=("Rust is missing: install it from https://rustup.rs")
    if ! command -v node >/dev/null || ! command -v npm >/dev/null; then
        problems+=("Node.js 20.19 or newer and npm are missing: https://nodejs.org")
    elif ! node --eval 'const [major, minor] = process.versions.node.split(".").map(Number);
            process.exit(major > 20 || (major === 20 && minor >= 19) ? 0 : 1)'; then
        problems+=("Node.js $(node --version) is too old: 20.19 or newer is needed, https://nodejs.org")
    fi
}

installed() {
    [ "$(dpkg-query --show --showformat '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi
}

# Debian starts a service as soon as it is installed, and mosquitto's would take port 1883 from Nightjar. A policy
# of our own forbids that for the one installation; a policy that is there already stays.
policy=/usr/sbin/policy-rc.d
install_without_mosquitto_service() {
    local own_policy=no
    if [ ! -e "$policy" ]; then
        own_policy=yes
        printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
        as_root chmod 755 "$policy"
    fi
    local result=0
    install_packages "$@" || result=$?
    [ "$own_policy" = no ] || as_root rm -f "$policy"
    if [ -d /run/systemd/system ]; then
        # Nor shall it start with the next boot.
        as_root systemctl disable --quiet mosquitto 2>/dev/null || true
    fi
    return $result
}

install_packages() {
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends "$@"
}

install_with_apt() {
    local missing=() package
    for package in "${packages[@]}"; do
        installed "$package" || missing+=("$package")
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    if [ "$(id -u)" -ne 0 ] && ! command -v sudo >/dev/null; then
        problems+=("Packages are missing. As root: apt-get install --no-install-recommends ${missing[*]}")
        return 0
    fi
    echo "Installing ${missing[*]}"
    as_root apt-get update
    case " ${missing[*]} " in
        *" mosquitto "*) install_without_mosquitto_service "${missing[@]}" ;;
        *) install_packages "${missing[@]}" ;;
    esac
}

# Without apt: look for what the packages would have brought, and name what is not there.
name_what_is_missing() {
    need() { command -v "$1" >/dev/null || problems+=("$1 is missing: $2"); }
    need cc "a C compiler, such as gcc"
    need pkg-config "pkg-config or pkgconf"
    if command -v pkg-config >/dev/null && ! pkg-config --exists webkit2gtk-4.1; then
        problems+=("WebKitGTK's development files are missing: webkit2gtk-4.1 (Fedora: webkit2gtk4.1-devel, Arch: webkit2gtk-4.1)")
    fi
    if command -v pkg-config >/dev/null && ! pkg-config --exists ayatana-appindicator3-0.1; then
        problems+=("The tray's development files are missing: libayatana-appindicator (Fedora: libayatana-appindicator-gtk3-devel)")
    fi
    [ "$purpose" = test ] || return 0
    need xvfb-run "a display without a screen, Xvfb with xvfb-run"
    need dbus-run-session "D-Bus"
    need WebKitWebDriver "it drives the real window (Debian: webkit2gtk-driver)"
    command -v chromium >/dev/null || command -v chromium-browser >/dev/null ||
        problems+=("chromium is missing: the window's tests run in it")
    need mosquitto_pub "mosquitto's clients are part of the client matrix"
    need python3 "Python 3 with venv, for paho-mqtt"
}

check_toolchains
if command -v apt-get >/dev/null && command -v dpkg-query >/dev/null; then
    install_with_apt
else
    name_what_is_missing
fi

if [ ${#problems[@]} -gt 0 ]; then
    printf '%s\n' "${problems[@]}" >&2
    exit 1
fi
