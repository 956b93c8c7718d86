#!/bin/sh
# What a student makes on the lab's machine: all of it is the student's.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# On the lab's engine. Half of it is made from the lab's images, whose label it inherits.
docker volume create data
docker run --rm --volume data:/data scratchlab-debug sh -c 'echo work >/data/work'
docker network create backend
docker run --detach --name web --restart always --network backend scratchlab-debug sleep 100000
docker tag scratchlab-debug mine/shell:1
printf 'FROM scratchlab-debug\nENV a=b\n' | docker build --tag mine/derived -
echo work >"$work/work"
printf 'FROM scratch\nCOPY work /\n' >"$work/Dockerfile"
docker build --tag mine/own "$work"
printf 'FROM scratch\nCOPY work /dangling\n' >"$work/Dockerfile"
docker build "$work"
ctr namespaces create mine
usermod --append --groups docker student
# A package that depends on the lab's docker.io.
mkdir -p "$work/mytool/DEBIAN"
printf 'Package: mytool\nVersion: 1\nArchitecture: all\nMaintainer: student <student@example.org>\nDepends: docker.io\nDescription: needs an engine\n' \
    >"$work/mytool/DEBIAN/control"
dpkg-deb --build "$work/mytool" "$work/mytool.deb"
dpkg --install "$work/mytool.deb"
# Files in and beside the lab's directories.
mkdir -p /var/lib/scratchlab/build/mine /usr/local/lib/scratchlab /usr/local/go/bin
for file in /var/lib/scratchlab/notes.txt /var/lib/scratchlab/build/mine/Dockerfile /var/lib/scratchlab/build/sleep/notes.txt \
    /usr/local/lib/scratchlab/tool /var/cache/scratchlab/kept /usr/local/go/bin/go; do
    echo work >"$file"
done
