// Command agent reads the root filesystem of a process of its own PID namespace and writes what it
// finds to standard output. It is the only file in the image of a debug container. The Python
// package scratchlab.collect.remote runs it and reads its output.
//
// Usage: agent PID CONTAINER KERNEL UNHASHED NETWORK STACKED FILE_BYTES ROOT_BYTES MOUNT_BYTES
// [CANDIDATE...]
//
//	agent files
//
// PID is the process; 0 stands for the first process of CONTAINER (an id), found by what the kernel
// shows of each. KERNEL lists filesystems that are not entered, UNHASHED those whose files are not
// opened, NETWORK those that a server answers for, STACKED those that show others (names separated
// by commas). The numbers are those of scratchlab.collect.live.limits.
// A CANDIDATE is a path (a pattern) of the machine whose existence is reported.
//
// With "files" it reads no root, but only answers requests for files that the kernel shows
// (kernel.go).
//
// The facts are written at once; the root is read when standard input tells how much of the user's
// data is to be read. Then the agent answers requests (files.go). When standard input closes, the
// caller is gone, and the agent ends.
package main

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

const (
	prSetDumpable = 4  // include/uapi/linux/prctl.h
	candidates    = 10 // index of the first CANDIDATE
)

type options struct {
	pid              int
	container        string
	kernel, unhashed map[string]bool
	network, stacked map[string]bool
	limits           limits
	candidates       []string
}

type limits struct{ file, root, mount uint64 }

func main() {
	// The examined container shares this PID namespace: its processes must not read or change this
	// one unless they have CAP_SYS_PTRACE (ptrace(2)).
	syscall.RawSyscall(syscall.SYS_PRCTL, prSetDumpable, 0, 0)
	out := newWriter(1)
	input, requests := io.Pipe()
	go readInput(requests)
	var err error
	switch {
	case len(os.Args) == 2 && os.Args[1] == "files":
		err = serveKernel(input, out)
	case len(os.Args) < candidates:
		err = errors.New("too few arguments")
	default:
		err = run(parse(os.Args), input, out)
	}
	if err != nil {
		out.fail(err.Error())
		os.Exit(1)
	}
}

func run(opts options, input io.Reader, out *writer) error {
	held, err := hold(opts.pid, opts.container)
	if err != nil {
		return err
	}
	if err := held.send(out, ""); err != nil {
		return err
	}
	walk, err := newWalk(opts, held, out)
	if err != nil {
		return err
	}
	held.sendFiles(out, walk.mayRead)
	sendMachine(out, opts.candidates)
	out.record('G', nil)
	if err := out.flush(); err != nil {
		return err
	}
	if walk.user, err = readPlan(input); err != nil {
		return err
	}
	if err := walk.read(held.root); err != nil {
		return err
	}
	walk.user.send(out)
	// The same facts again, so that the caller can check that nothing changed meanwhile.
	if err := held.send(out, "after "); err != nil {
		return err
	}
	out.record('Z', nil)
	if err := out.flush(); err != nil {
		return err
	}
	return serve(input, out, func(letter byte, most uint64, path string) bool {
		return walk.answer(letter, most, held.root, path)
	})
}

// readInput passes standard input on, and ends the program with it.
func readInput(requests *io.PipeWriter) {
	input := make([]byte, 1<<12)
	for {
		n, err := os.Stdin.Read(input)
		if n == 0 || err != nil {
			os.Exit(1)
		}
		requests.Write(input[:n])
	}
}

func parse(arguments []string) options {
	return options{
		pid:        int(number(arguments[1])),
		container:  arguments[2],
		kernel:     set(arguments[3]),
		unhashed:   set(arguments[4]),
		network:    set(arguments[5]),
		stacked:    set(arguments[6]),
		limits:     limits{number(arguments[7]), number(arguments[8]), number(arguments[9])},
		candidates: arguments[candidates:],
	}
}

func number(text string) uint64 {
	value, _ := strconv.ParseUint(text, 10, 64)
	return value
}

func set(text string) map[string]bool {
	names := map[string]bool{}
	for _, name := range strings.Split(text, ",") {
		names[name] = true
	}
	return names
}

// sendMachine sends what this container's own /proc and /sys show of the kernel that they share.
func sendMachine(out *writer, patterns []string) {
	for _, name := range []string{"mountinfo", "uid_map", "ns/user"} {
		out.fact("own "+name, procSelf(name))
	}
	controllers, _ := os.ReadFile("/sys/fs/cgroup/cgroup.controllers")
	out.fact("controllers", controllers)
	for _, pattern := range patterns {
		paths, _ := filepath.Glob(pattern)
		for _, path := range paths {
			out.fact("exists", []byte(path))
		}
	}
}

func procSelf(name string) []byte {
	if strings.HasPrefix(name, "ns/") {
		target, _ := os.Readlink("/proc/self/" + name)
		return []byte(target)
	}
	text, _ := os.ReadFile("/proc/self/" + name)
	return text
}
