// Deferred work and panics on Go: see defers.rs.
package main

const (
	deferCalls = 200_000_000
	loopDefers = 16
	loops      = 2_000_000
	panics     = 200_000
)

var sink uint64

//go:noinline
func atTheEnd(n uint64) { sink = n }

//go:noinline
func deferring(n uint64) uint64 {
	defer atTheEnd(n)
	return n
}

//go:noinline
func deferringLoop(n uint64) {
	for i := uint64(0); i < loopDefers; i++ {
		defer atTheEnd(n + i)
	}
}

//go:noinline
func fails() {
	if sink < deferCalls {
		panic("a panic")
	}
}

//go:noinline
func recovering() {
	defer func() {
		if recover() == nil {
			sink = 0
		}
	}()
	fails()
}

// Runs a workload by name: whether there is one.
func runDefers(workload string) bool {
	switch workload {
	case "defer":
		timed(deferCalls, func(count int) {
			for n := 0; n < count; n++ {
				deferring(uint64(n))
			}
		})
	case "defers":
		timed(loops*loopDefers, func(count int) {
			for n := 0; n < count/loopDefers; n++ {
				deferringLoop(uint64(n))
			}
		})
	case "recover", "deferred":
		timed(panics, func(count int) {
			for n := 0; n < count; n++ {
				recovering()
			}
		})
	default:
		return false
	}
	return true
}
