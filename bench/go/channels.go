package main

import "sync"

const (
	values  = 3_000_000
	buffer  = 128
	sieveTo = 2_000
)

func pingPong(room, n int) {
	ping, pong := make(chan int, room), make(chan int, room)
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

// The primes below n, each of which takes its multiples out of what goes through a channel.
func sieve(n int) {
	from := make(chan int)
	numbers := from
	go func() {
		for i := 2; i < n; i++ {
			numbers <- i
		}
		close(numbers)
	}()
	for {
		prime, more := <-from
		if !more {
			return
		}
		rest, numbers := make(chan int), from
		go func() {
			for i := range numbers {
				if i%prime != 0 {
					rest <- i
				}
			}
			close(rest)
		}()
		from = rest
	}
}

// Runs a workload by name: whether there is one.
func runChannels(workload string) bool {
	switch workload {
	case "pingpong":
		timed(values/3, func(n int) { pingPong(0, n) })
	case "pingpong128":
		timed(values/3, func(n int) { pingPong(buffer, n) })
	case "buffered1x1":
		timed(values, func(n int) { transfer(1, n) })
	case "buffered4x4":
		timed(values, func(n int) { transfer(4, n) })
	case "select3":
		timed(values/3, selectOfThree)
	case "sieve":
		again(sieveTo, sieve)
	default:
		return false
	}
	return true
}
