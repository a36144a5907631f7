// The workloads on Go: prints figures as gort-bench does.
package main

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const (
	burstCount = 1_000_000
	times      = 200_000
	leaves     = 1_000_000
)

func burst(n int) {
	var left atomic.Int64
	left.Store(int64(n))
	done := make(chan struct{})
	for i := 0; i < n; i++ {
		go func() {
			if left.Add(-1) == 0 {
				close(done)
			}
		}()
	}
	<-done
}

func join(n int) {
	for i := 0; i < n; i++ {
		done := make(chan struct{})
		go func() { close(done) }()
		<-done
	}
}

func yields(n int) {
	var group sync.WaitGroup
	for i := 0; i < 2; i++ {
		group.Go(func() {
			for k := 0; k < n/2; k++ {
				runtime.Gosched()
			}
		})
	}
	group.Wait()
}

func skynet(result chan<- int64, number, size int64) {
	if size == 1 {
		result <- number
		return
	}
	size /= 10
	children := make(chan int64, 10)
	for i := int64(0); i < 10; i++ {
		go skynet(children, number+i*size, size)
	}
	var sum int64
	for i := 0; i < 10; i++ {
		sum += <-children
	}
	result <- sum
}

func runSkynet(leaves int) {
	result := make(chan int64, 1)
	go skynet(result, 0, int64(leaves))
	if <-result != int64(leaves)*int64(leaves-1)/2 {
		panic("wrong sum")
	}
}

// Stops the world, beside a goroutine that does not yield.
func stopWorld(n int) {
	var stop atomic.Bool
	go func() {
		for !stop.Load() {
		}
	}()
	procs := runtime.GOMAXPROCS(0)
	for i := 0; i < n; i++ {
		runtime.GOMAXPROCS(procs + 1 - i%2)
	}
	runtime.GOMAXPROCS(procs)
	stop.Store(true)
}


// A number from the environment, or 1.
func asked(name string) (int, bool) {
	n, err := strconv.Atoi(os.Getenv(name))
	if err != nil {
		n = 1
	}
	return n, err == nil
}

// What is to be done in place of full.
func sized(full int) int {
	divisor, _ := asked("BENCH_DIVISOR")
	return max(full/divisor, 10)
}

func elapsed(count int, work func()) float64 {
	start := time.Now()
	work()
	return float64(time.Since(start).Nanoseconds()) / float64(count)
}

// See main.rs.
func measure(count int, work func()) {
	repeat, asked := asked("BENCH_REPEAT")
	count *= repeat
	fmt.Printf("%.1f\n", elapsed(count, func() {
		for i := 0; i < repeat; i++ {
			work()
		}
	}))
	if asked {
		fmt.Printf("operations %d\n", count)
	}
}

// How long what is measured takes at most, where it can be cut short.
const long = 300 * time.Millisecond

// Measures what is done full times, or what that is cut down to, after a tenth to warm up.
func timed(full int, work func(int)) {
	count := sized(full)
	if _, asked := asked("BENCH_REPEAT"); !asked {
		few := max(count/1000, 10)
		each := elapsed(few, func() { work(few) })
		count = min(max(int(float64(long.Nanoseconds())/each), few), count)
	}
	work(count / 10)
	measure(count, func() { work(count) })
}

// The same without that limit, warmed up by doing it all.
func again(full int, work func(int)) {
	count := sized(full)
	work(count)
	measure(count, func() { work(count) })
}

// The number that ends a workload's name, behind prefix.
func number(workload, prefix string) (int, bool) {
	rest, found := strings.CutPrefix(workload, prefix)
	n, err := strconv.Atoi(rest)
	return n, found && err == nil
}

func main() {
	name := os.Args[1]
	switch name {
	case "burst":
		again(burstCount, burst)
	case "join":
		timed(times, join)
	case "yield":
		timed(10*times, yields)
	case "skynet":
		again(leaves, runSkynet)
	case "stopworld":
		timed(times/20, stopWorld)
	default:
		if !runLocks(name) && !runCalls(name) && !runChannels(name) && !runDefers(name) && !runTimers(name) && !runEcho(name) && !runParked(name) && !runFiles(name) {
			os.Exit(2)
		}
	}
}
