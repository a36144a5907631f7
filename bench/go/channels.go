package main

import "sync"

const (
	values = 3_000_000
	buffer = 128
)

func pingPong(n int) {
	ping, pong := make(chan int), make(chan int)
	go func() {
		for i := range ping {
			pong <- i
		}
		close(pong)
	}()
	for i := 0; i < n; i++ {
		ping <- i
		if <-pong != i {
			panic("wrong value")
		}
	}
	close(ping)
	<-pong
}

// n values from as many senders to as many receivers.
func transfer(ends, n int) {
	c := make(chan int, buffer)
	var senders, receivers sync.WaitGroup
	for i := 0; i < ends; i++ {
		senders.Go(func() {
			for k := 0; k < n/ends; k++ {
				c <- k
			}
		})
		receivers.Go(func() {
			for range c {
			}
		})
	}
	senders.Wait()
	close(c)
	receivers.Wait()
}

// n values from three senders through a channel each to one who selects.
func selectOfThree(n int) {
	var c [3]chan int
	for i := range c {
		c[i] = make(chan int)
		go func() {
			for k := 0; k < n/3; k++ {
				c[i] <- k
			}
		}()
	}
	for i := 0; i < n/3*3; i++ {
		select {
		case <-c[0]:
		case <-c[1]:
		case <-c[2]:
		}
	}
}

// Runs a workload by name: whether there is one.
func runChannels(workload string) bool {
	both := func(n int, work func(int)) {
		work(n / 10)
		measure(n, func() { work(n) })
	}
	switch workload {
	case "pingpong":
		both(values/3, pingPong)
	case "buffered1x1":
		both(values, func(n int) { transfer(1, n) })
	case "buffered4x4":
		both(values, func(n int) { transfer(4, n) })
	case "select3":
		both(values/3, selectOfThree)
	default:
		return false
	}
	return true
}
