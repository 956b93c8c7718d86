// Reaches the limits of its control group. Each verb uses one resource: `allocate` memory, `spin` the
// CPUs, `fork` processes. `await VERB` prints "ready", waits for SIGUSR1, and stays after a refusal,
// so that the group's files can be read before and after. The program always ends after ten minutes,
// whether or not its parent still runs.
package main

import (
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"syscall"
	"time"
)

const (
	lifetime = 10 * time.Minute
	step     = 1 << 20 // bytes
	enough   = 1 << 28 // bytes
)

func main() {
	verbs := map[string]func(){"allocate": allocate, "spin": spin, "fork": fork}
	verb := verbs[os.Args[len(os.Args)-1]]
	waits := len(os.Args) == 3 && os.Args[1] == "await"
	if verb == nil || len(os.Args) != 2 && !waits {
		fmt.Fprintln(os.Stderr, "usage: limits [await] allocate|spin|fork")
		os.Exit(64)
	}
	time.AfterFunc(lifetime, func() { os.Exit(0) })
	if waits {
		await()
	}
	verb()
	if waits {
		time.Sleep(lifetime)
	}
}

func await() {
	asked := make(chan os.Signal, 1)
	signal.Notify(asked, syscall.SIGUSR1)
	fmt.Println("ready")
	<-asked
}

// Memory counts once it is written to, page by page.
func allocate() {
	var held [][]byte
	for total := 0; total < enough; total += step {
		block := make([]byte, step)
		for at := 0; at < step; at += os.Getpagesize() {
			block[at] = 1
		}
		held = append(held, block)
	}
	fmt.Println("allocated", len(held)*step, "bytes, and nobody minded")
}

// On every CPU at once, so that a busy machine grants it enough to reach its limit.
func spin() {
	for cpu := 1; cpu < runtime.NumCPU(); cpu++ {
		go spinOn()
	}
	spinOn()
}

func spinOn() {
	for {
	}
}

// The children are bare copies of this thread, which do nothing but wait: another Go runtime in
// each would start threads, and threads count as processes (pids: tasks, cgroups(7)).
func fork() {
	for count := 0; ; count++ {
		child, _, refusal := syscall.RawSyscall6(syscall.SYS_CLONE, uintptr(syscall.SIGCHLD), 0, 0, 0, 0, 0)
		if refusal != 0 {
			fmt.Printf("refused after %d: %s (errno %d)\n", count, refusal, int(refusal))
			return
		}
		for child == 0 {
			syscall.RawSyscall6(syscall.SYS_PPOLL, 0, 0, 0, 0, 0, 0)
		}
	}
}
