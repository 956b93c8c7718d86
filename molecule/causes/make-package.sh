#!/bin/sh
# Makes and installs a package: make-package NAME [FIELD...]; FILE is a program in it, POSTINST its postinst.
set -u
umask 022
name=$1
shift
tree=$(mktemp -d)
mkdir -p "$tree/DEBIAN"
{
    printf '%s\n' "Package: $name" 'Version: 1.0' 'Architecture: all' 'Maintainer: someone <someone@example.org>' \
        'Description: made for a test' "$@"
} >"$tree/DEBIAN/control"
if [ -n "${FILE-}" ]; then
    mkdir -p "$tree/$(dirname "$FILE")"
    echo '#!/bin/sh' >"$tree/$FILE"
    chmod 755 "$tree/$FILE"
fi
if [ -n "${POSTINST-}" ]; then
    printf '#!/bin/sh\n%s\n' "$POSTINST" >"$tree/DEBIAN/postinst"
    chmod 755 "$tree/DEBIAN/postinst"
fi
chmod 755 "$tree"
dpkg-deb --build "$tree" "/root/$name.deb" >/dev/null
dpkg --install "/root/$name.deb" >/dev/null 2>&1
rm -r "$tree"
