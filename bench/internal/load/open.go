package load

import (
	"fmt"
	"runtime"
	"syscall"
	"time"
)

// AtRate makes calls at a constant rate for d, on whichever connection is
// free. A latency counts from the moment its call was due, so a side that
// stalls pays for every call that had to wait (no coordinated omission).
func (s *Session) AtRate(perSecond int, d time.Duration) (Result, error) {
	n := int(int64(perSecond) * int64(d) / int64(time.Second))
	due := make(chan time.Time, n)
	start := time.Now()
	paced := make(chan error, 1)
	go func() {
		defer close(due)
		paced <- pace(due, start, time.Second/time.Duration(perSecond), n)
	}()
	r, err := s.run(d, start, func(w *worker) error {
		for at := range due {
			if err := w.call(); err != nil {
				return err
			}
			w.latency = append(w.latency, time.Since(at))
		}
		return nil
	})
	if perr := <-paced; perr != nil && err == nil {
		err = perr
	}
	return r, err
}

// pace sends n due times, each when it has come. It sleeps in the kernel on a
// thread of its own: the runtime's timers wake up to a millisecond late on an
// idle machine.
func pace(due chan<- time.Time, start time.Time, every time.Duration, n int) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	// The kernel's default slack of 50 us is as long as a call; 0 restores it.
	if err := timerSlack(1); err != nil {
		return err
	}
	for i := range n {
		at := start.Add(time.Duration(i) * every)
		for wait := time.Until(at); wait > 0; wait = time.Until(at) {
			ts := syscall.NsecToTimespec(int64(wait))
			_ = syscall.Nanosleep(&ts, nil) // interrupted: the loop sleeps the rest
		}
		due <- at
	}
	return timerSlack(0)
}

// timerSlack sets by how many nanoseconds the thread's sleeps may be longer.
func timerSlack(ns uintptr) error {
	const prSetTimerSlack = 29
	if _, _, errno := syscall.RawSyscall(syscall.SYS_PRCTL, prSetTimerSlack, ns, 0); errno != 0 {
		return fmt.Errorf("set the timer slack: %w", errno)
	}
	return nil
}
