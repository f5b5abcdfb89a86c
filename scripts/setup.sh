# Sourced by ./demo and ./test: what a machine with nothing but a Rust toolchain and a package
# manager still needs. Installs it where it may, and says how where it may not.

need() { # PROGRAM PACKAGE WHY
    command -v "$1" >/dev/null 2>&1 && return
    echo "setup: $1 is missing ($3)" >&2
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
        echo "setup: installing $2 with apt-get" >&2
        [ -n "${setup_updated:-}" ] || { apt-get update -qq; setup_updated=1; }
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "$2" >/dev/null
    else
        echo "setup: install it first, for example: sudo apt-get install $2" >&2
        return 1
    fi
}

command -v cargo >/dev/null 2>&1 || { echo "setup: install Rust first: https://rustup.rs" >&2; exit 3; }
need git git "products are git repositories"
need ssh-keygen openssh-client "people and the factory sign with SSH keys"
need cc gcc "SQLite is built from source"
need bwrap bubblewrap "one of the two sandboxes" || true
need python3 python3 "the demo's product is a Python program"
need node nodejs "one of the examples is a JavaScript program" || true
if [ "$(basename "$0")" = test ] && ! cargo nextest --version >/dev/null 2>&1; then
    echo "setup: installing cargo-nextest" >&2
    cargo install --quiet --locked cargo-nextest
fi
