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
	if count != n/rivals*rivals {
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

func readers(n int) {
	var mu sync.RWMutex
	count := 0
	var group sync.WaitGroup
	for i := 0; i < rivals; i++ {
		group.Go(func() {
			seen := 0
			for k := 0; k < n/rivals; k++ {
				if k%10 == 0 {
					mu.Lock()
					count++
					mu.Unlock()
				} else {
					mu.RLock()
					seen += count
					mu.RUnlock()
				}
			}
			if seen < 0 {
				panic("overflow")
			}
		})
	}
	group.Wait()
	if count != (n/rivals+9)/10*rivals {
		panic("wrong count")
	}
}

func groups(n int) {
	for i := 0; i < n/rivals; i++ {
		var group sync.WaitGroup
		for k := 0; k < rivals; k++ {
			group.Go(func() {})
		}
		group.Wait()
	}
}

// Runs a workload by name: whether there is one.
func runLocks(workload string) bool {
	switch workload {
	case "mutex":
		timed(locks, mutex)
	case "uncontended":
		timed(locks, uncontended)
	case "rwlock":
		timed(locks, readers)
	case "waitgroup":
		timed(locks/8, groups)
	default:
		return false
	}
	return true
}
