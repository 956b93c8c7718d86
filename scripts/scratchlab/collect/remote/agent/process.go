package main

import (
	"bytes"
	"errors"
	"os"
	"strconv"
	"syscall"
)

// process is held by descriptors: the kernel ties those of /proc/PID to the process, not to the
// number, so for a reused PID reading fails with "no such process" (Linux fs/proc/base.c).
type process struct {
	pid        int
	proc, root int
}

const mostText = 64 << 10 // bytes of a file that the engine writes

var engineFiles = []string{"hostname", "hosts", "resolv.conf"}

var namespaces = []string{"cgroup", "ipc", "mnt", "net", "pid", "time", "user", "uts"}

// hold opens process pid; for 0, the first process of the container.
func hold(pid int, container string) (*process, error) {
	if pid == 0 {
		if pid = search(container); pid == 0 {
			return nil, errors.New("no process in this PID namespace belongs to the container")
		}
	}
	proc, err := open(atCwd, "/proc/"+strconv.Itoa(pid), oPath|syscall.O_DIRECTORY)
	if err != nil {
		return nil, about("/proc/"+strconv.Itoa(pid), err)
	}
	// "root" is a magic link: it leads to the directory itself, whatever its target reads.
	root, err := open(proc, "root", oPath|syscall.O_DIRECTORY)
	if err != nil {
		return nil, about("/proc/"+strconv.Itoa(pid)+"/root", err)
	}
	return &process{pid: pid, proc: proc, root: root}, nil
}

// search finds the process of the container that started first: its init.
func search(container string) int {
	first, oldest := 0, uint64(0)
	directories, _ := os.ReadDir("/proc")
	for _, directory := range directories {
		pid, err := strconv.Atoi(directory.Name())
		if err != nil || pid == os.Getpid() || !belongsTo(pid, container) {
			continue
		}
		stat, err := os.ReadFile("/proc/" + directory.Name() + "/stat")
		started, ok := startTime(stat)
		if err == nil && ok && (first == 0 || started < oldest) {
			first, oldest = pid, started
		}
	}
	return first
}

// belongsTo is whether the kernel shows the container's id for the process: in its control group,
// or in the mounts of the engine's files.
func belongsTo(pid int, container string) bool {
	directory := "/proc/" + strconv.Itoa(pid)
	groups, _ := os.ReadFile(directory + "/cgroup")
	mounts, _ := os.ReadFile(directory + "/mountinfo")
	id := []byte(container)
	return len(id) > 0 && (bytes.Contains(groups, id) || bytes.Contains(mounts, id))
}

// startTime is field 22 of /proc/PID/stat. The second field may hold any byte, ")" included.
func startTime(stat []byte) (uint64, bool) {
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(fields) < 20 {
		return 0, false
	}
	value, err := strconv.ParseUint(string(fields[19]), 10, 64)
	return value, err == nil
}

// send sends everything that the kernel shows of the process; when prefixes the facts' names.
func (p *process) send(out *writer, when string) error {
	out.fact(when+"pid", []byte(strconv.Itoa(p.pid)))
	for _, name := range []string{"stat", "mountinfo", "cgroup", "uid_map", "gid_map"} {
		text, err := p.text(name)
		if err != nil {
			return about(name, err)
		}
		out.fact(when+name, text)
	}
	// A kernel thread has none, nor has a process that is ending.
	if target, err := readlinkat(p.proc, "exe"); err == nil {
		out.fact(when+"exe", []byte(target))
	}
	for _, name := range namespaces {
		// Older kernels lack some kinds of namespaces.
		if target, err := readlinkat(p.proc, "ns/"+name); err == nil {
			out.fact(when+"ns/"+name, []byte(target))
		}
	}
	again, err := open(p.proc, "root", oPath|syscall.O_DIRECTORY)
	if err != nil {
		return about("root", err)
	}
	defer syscall.Close(again)
	st, err := statusOf(again, false)
	if err != nil {
		return about("root", err)
	}
	out.fact(when+"root", st.pack())
	return nil
}

// sendFiles sends the content of the files that the engine writes for a container, and when each was
// last changed (nanoseconds since 1970).
func (p *process) sendFiles(out *writer, mayRead func(status) bool) {
	for _, name := range engineFiles {
		if text, changed, ok := p.file(name, mayRead); ok {
			out.fact("file/etc/"+name, text)
			out.fact("changed/etc/"+name, strconv.AppendInt(nil, changed, 10))
		}
	}
}

// file is the content of the regular file /etc/NAME of at most mostText bytes. Nothing is looked up
// on a filesystem that is closed to the walk, and no symlink is followed.
func (p *process) file(name string, mayRead func(status) bool) ([]byte, int64, bool) {
	etc, err := open(p.root, "etc", oPath|syscall.O_DIRECTORY|syscall.O_NOFOLLOW)
	if err != nil {
		return nil, 0, false
	}
	defer syscall.Close(etc)
	if st, err := statusOf(etc, true); err != nil || !mayRead(st) {
		return nil, 0, false
	}
	held, err := open(etc, name, oPath|syscall.O_NOFOLLOW)
	if err != nil {
		return nil, 0, false
	}
	defer syscall.Close(held)
	if st, err := statusOf(held, true); err != nil || !mayRead(st) {
		return nil, 0, false
	}
	st, err := statusOf(held, false)
	if err != nil || st.kind() != syscall.S_IFREG || st.size > mostText {
		return nil, 0, false
	}
	fd, err := open(etc, name, syscall.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK)
	if err != nil {
		return nil, 0, false
	}
	defer syscall.Close(fd)
	if now, err := statusOf(fd, false); err != nil || now.identity() != st.identity() {
		return nil, 0, false
	}
	text := make([]byte, mostText)
	n, err := syscall.Pread(fd, text, 0)
	if err != nil {
		return nil, 0, false
	}
	return text[:n], st.ctime, true
}

func (p *process) text(name string) ([]byte, error) {
	fd, err := open(p.proc, name, syscall.O_RDONLY)
	if err != nil {
		return nil, err
	}
	defer syscall.Close(fd)
	return readAll(fd)
}

// filesystems are the filesystem types and the devices of the mounts that the process sees, by
// mount id.
func (p *process) filesystems() (types, devices map[uint64]string, err error) {
	text, err := p.text("mountinfo")
	if err != nil {
		return nil, nil, about("mountinfo", err)
	}
	types, devices = map[uint64]string{}, map[uint64]string{}
	for _, line := range bytes.Split(text, []byte("\n")) {
		// proc_pid_mountinfo(5): a hyphen ends the optional fields; no field before it is one.
		head, tail, ok := bytes.Cut(line, []byte(" - "))
		fields, rest := bytes.Split(head, []byte(" ")), bytes.Split(tail, []byte(" "))
		if ok && len(fields) > 5 {
			id := number(string(fields[0]))
			types[id], devices[id] = string(rest[0]), string(fields[2])
		}
	}
	return types, devices, nil
}
