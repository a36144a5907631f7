// System calls on Go.
package main

import (
	"fmt"
	"strings"
	"sync"
	"syscall"
	"unsafe"
)

const (
	calls      = 5_000_000
	sleepsEach = 10
)

func rawCalls(n int) {
	for i := 0; i < n; i++ {
		syscall.RawSyscall(syscall.SYS_GETPPID, 0, 0, 0)
	}
}

func syscalls(n int) {
	for i := 0; i < n; i++ {
		syscall.Syscall(syscall.SYS_GETPPID, 0, 0, 0)
	}
}

func block(sleepers, sleeps int) {
	var group sync.WaitGroup
	for i := 0; i < sleepers; i++ {
		group.Go(func() {
			for k := 0; k < sleeps; k++ {
				time := syscall.Timespec{Nsec: 10_000_000}
				syscall.Syscall(syscall.SYS_NANOSLEEP, uintptr(unsafe.Pointer(&time)), 0, 0)
			}
		})
	}
	group.Wait()
}

func runCalls(workload string) bool {
	switch workload {
	case "rawsyscall", "sysnb":
		timed(calls, rawCalls)
		return true
	case "syscall":
		timed(calls, syscalls)
		return true
	}
	// Go knows of no call that it is long.
	sleepers, found := number(strings.TrimPrefix(workload, "sys"), "block")
	if found {
		// See calls.rs.
		sleeps := max(sized(100*sleepsEach)/100, 2)
		block(sleepers, 1)
		fmt.Printf("%.3f\n", elapsed(sleeps, func() { block(sleepers, sleeps) })/1e6)
	}
	return found
}
