// Workloads of locks on Go.
package main

import "sync"

const (
	locks  = 8_000_000
	rivals = 8
)

func mutex(n int) {
	var mu sync.Mutex
	count := 0
	var group sync.WaitGroup
	for i := 0; i < rivals; i++ {
		group.Go(func() {
			for k := 0; k < n/rivals; k++ {
				mu.Lock()
				count++
				mu.Unlock()
			}
		})
	}
	group.Wait()
	if count != n {
		panic("wrong count")
	}
}

func uncontended(n int) {
	var mu sync.Mutex
	count := 0
	for k := 0; k < n; k++ {
		mu.Lock()
		count++
		mu.Unlock()
	}
}

// Runs a workload by name: whether there is one.
func runLocks(workload string) bool {
	switch workload {
	case "mutex":
		mutex(locks / 10)
		measure(locks, func() { mutex(locks) })
	case "uncontended":
		uncontended(locks)
		measure(locks, func() { uncontended(locks) })
	default:
		return false
	}
	return true
}
