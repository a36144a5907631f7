// The least that a program does on Go: a goroutine, and its end.
package main

func main() {
	done := make(chan struct{})
	go func() {
		println("hello")
		close(done)
	}()
	<-done
}
