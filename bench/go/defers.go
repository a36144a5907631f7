// Deferred work and panics on Go.
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

func runDefers(workload string) bool {
	switch workload {
	case "defer":
		measure(deferCalls, func() {
			for n := uint64(0); n < deferCalls; n++ {
				deferring(n)
			}
		})
	case "defers":
		measure(loops*loopDefers, func() {
			for n := uint64(0); n < loops; n++ {
				deferringLoop(n)
			}
		})
	case "recover", "deferred":
		measure(panics, func() {
			for n := 0; n < panics; n++ {
				recovering()
			}
		})
	default:
		return false
	}
	return true
}
