#!/bin/sh
# By hand on a bare Debian: the lab's packages, images, container and saves, without the proof.
# tests.benchmarks.provisioning compares ./lab on a fresh machine with it.
set -eu
export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8
apt-get -q update
apt-get -q --yes --no-install-recommends install docker.io iptables golang-go
work=/root/article
mkdir -p $work/scratchtest $work/debug/bin
cd $work/debug
apt-get -q download busybox-static
dpkg-deb -x busybox-static_*.deb unpacked
cp unpacked/bin/busybox bin/busybox
for name in $(bin/busybox --list); do ln -sf busybox bin/"$name" 2>/dev/null || :; done
printf 'FROM scratch\nCOPY bin /bin\nCMD ["/bin/sh"]\n' >Dockerfile
docker build -q -t scratchlab-debug .
cd $work/scratchtest
touch test
printf 'FROM scratch\nCOPY test .\n' >Dockerfile
docker build -q -t scratchtest .
tar -xf - -C $work # both programs with their Dockerfiles
for name in sleep limits; do
    cd $work/$name
    CGO_ENABLED=0 GO111MODULE=off go build -trimpath -ldflags='-s -w -buildid=' -o $name main.go
    docker build -q -t $name .
done
docker run --detach --restart=unless-stopped --name sleep sleep
docker save scratchtest | sha256sum
docker save sleep | sha256sum
