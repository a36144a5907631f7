// System calls on Go.
package main

import (
	"sync"
	"syscall"
	"unsafe"
)

const (
	calls    = 5_000_000
	sleepers = 500
	sleepsEach   = 10
)

func rawCalls() {
	for i := 0; i < calls; i++ {
		syscall.RawSyscall(syscall.SYS_GETPPID, 0, 0, 0)
	}
}

func syscalls() {
	for i := 0; i < calls; i++ {
		syscall.Syscall(syscall.SYS_GETPPID, 0, 0, 0)
	}
}

func block() {
	var group sync.WaitGroup
	for i := 0; i < sleepers; i++ {
		group.Go(func() {
			for k := 0; k < sleepsEach; k++ {
				time := syscall.Timespec{Nsec: 10_000_000}
				syscall.Syscall(syscall.SYS_NANOSLEEP, uintptr(unsafe.Pointer(&time)), 0, 0)
			}
		})
	}
	group.Wait()
}

func runCalls(workload string) bool {
	switch workload {
	case "rawsyscall":
		measure(calls, rawCalls)
	case "syscall":
		measure(calls, syscalls)
	case "block":
		block()
		measure(sleepers*sleepsEach, block)
	default:
		return false
	}
	return true
}
