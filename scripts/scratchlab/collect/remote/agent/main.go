// Command agent reads the root filesystem of a process of its own PID namespace and tells on
// standard output what it saw. It is all that the image of a debug container holds: the Python
// package scratchlab.collect.debug runs it, listens to it, and judges.
//
// Usage: agent PID CONTAINER KERNEL UNHASHED FILE_BYTES ROOT_BYTES MOUNT_BYTES [CANDIDATE...]
//
// PID is the process; 0 stands for the first one that the kernel calls one of CONTAINER (an id).
// KERNEL are filesystems that are not entered, UNHASHED those whose files are not opened (names
// with commas between). The numbers are scratchlab.collect.live.limits. A CANDIDATE is a path (a
// pattern) of the machine whose existence is asked.
//
// The facts are told at once, the root is read when a byte comes on standard input. When that is
// closed, whoever asked has gone, and the agent ends.
package main

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

const (
	prSetDumpable = 4 // include/uapi/linux/prctl.h
	candidates    = 8 // index of the first one
)

type options struct {
	pid              int
	container        string
	kernel, unhashed map[string]bool
	limits           limits
	candidates       []string
}

type limits struct{ file, root, mount uint64 }

func main() {
	// The container that is examined shares this PID namespace: whatever in it lacks
	// CAP_SYS_PTRACE shall not look into this process, nor change it (ptrace(2)).
	syscall.RawSyscall(syscall.SYS_PRCTL, prSetDumpable, 0, 0)
	out := newWriter(1)
	if len(os.Args) < candidates {
		out.fail("it was called with too few words")
		os.Exit(1)
	}
	if err := run(parse(os.Args), out); err != nil {
		out.fail(err.Error())
		os.Exit(1)
	}
}

func run(ask options, out *writer) error {
	start := make(chan struct{})
	go listen(start)
	held, err := hold(ask.pid, ask.container)
	if err != nil {
		return err
	}
	if err := held.tell(out, ""); err != nil {
		return err
	}
	tellMachine(out, ask.candidates)
	out.record('G', nil)
	if err := out.flush(); err != nil {
		return err
	}
	<-start
	mounts, err := held.filesystems()
	if err != nil {
		return err
	}
	if err := newWalk(ask, mounts, out).read(held.root); err != nil {
		return err
	}
	// The same facts again: whoever asked sees whether they still hold.
	if err := held.tell(out, "after "); err != nil {
		return err
	}
	out.record('Z', nil)
	return out.flush()
}

func listen(start chan<- struct{}) {
	one := make([]byte, 1)
	for waiting := true; ; {
		if n, err := os.Stdin.Read(one); n == 0 || err != nil {
			os.Exit(1)
		}
		if waiting {
			close(start)
			waiting = false
		}
	}
}

func parse(words []string) options {
	return options{
		pid:        int(number(words[1])),
		container:  words[2],
		kernel:     set(words[3]),
		unhashed:   set(words[4]),
		limits:     limits{number(words[5]), number(words[6]), number(words[7])},
		candidates: words[candidates:],
	}
}

func number(text string) uint64 {
	value, _ := strconv.ParseUint(text, 10, 64)
	return value
}

func set(text string) map[string]bool {
	found := map[string]bool{}
	for _, name := range strings.Split(text, ",") {
		found[name] = true
	}
	return found
}

// tellMachine tells what this container's own /proc and /sys show of the kernel they share.
func tellMachine(out *writer, patterns []string) {
	for _, name := range []string{"mountinfo", "uid_map", "ns/user"} {
		out.fact("own "+name, own(name))
	}
	controllers, _ := os.ReadFile("/sys/fs/cgroup/cgroup.controllers")
	out.fact("controllers", controllers)
	for _, pattern := range patterns {
		found, _ := filepath.Glob(pattern)
		for _, path := range found {
			out.fact("exists", []byte(path))
		}
	}
}

func own(name string) []byte {
	if strings.HasPrefix(name, "ns/") {
		target, _ := os.Readlink("/proc/self/" + name)
		return []byte(target)
	}
	text, _ := os.ReadFile("/proc/self/" + name)
	return text
}
