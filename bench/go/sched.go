// The workloads on Go: prints nanoseconds per operation.
package main

import (
	"fmt"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

const (
	burstCount = 1_000_000
	times      = 200_000
	leaves     = 1_000_000
)

func burst() {
	var left atomic.Int64
	left.Store(burstCount)
	done := make(chan struct{})
	for i := 0; i < burstCount; i++ {
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

func runSkynet() {
	result := make(chan int64, 1)
	go skynet(result, 0, leaves)
	if <-result != int64(leaves)*(leaves-1)/2 {
		panic("wrong sum")
	}
}

func measure(count int, work func()) {
	start := time.Now()
	work()
	fmt.Printf("%.1f\n", float64(time.Since(start).Nanoseconds())/float64(count))
}

func main() {
	switch os.Args[1] {
	case "burst":
		burst()
		measure(burstCount, burst)
	case "join":
		join(times)
		measure(times, func() { join(times) })
	case "yield":
		yields(times)
		measure(10*times, func() { yields(10 * times) })
	case "skynet":
		runSkynet()
		measure(leaves, runSkynet)
	default:
		name := os.Args[1]
		if !runLocks(name) && !runCalls(name) && !runChannels(name) && !runDefers(name) && !runTimers(name) && !runEcho(name) {
			os.Exit(2)
		}
	}
}
