#!/bin/sh
# Prints everything that someone has on this machine. Before and after the lab the output must be the same.
set -eu
engine=$(pidof dockerd)
echo "engine $engine started $(sed 's/.*) //' "/proc/$engine/stat" | cut -d' ' -f20)"
stat --format '%n %A %U:%G %y' /etc/docker/daemon.json
cat /etc/docker/daemon.json
docker inspect --format '{{.Name}} {{.Id}} {{.Image}} {{.State.Pid}} {{.State.StartedAt}} {{.RestartCount}} {{json .HostConfig}}' sleep web
docker image ls --no-trunc --format '{{.Repository}} {{.ID}}' | grep someone
docker volume ls --format '{{.Name}}'
docker network ls --format '{{.Name}} {{.ID}}'
docker run --rm --volume theirs:/data someone/busybox cat /data/work
stat --format '%N %y' /usr/local/go
env -i /usr/local/go/bin/go version
dpkg-query --show --showformat '${Package} ${Version}\n' 'golang*' 'docker*' containerd runc
