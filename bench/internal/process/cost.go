package process

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"syscall"
	"time"
	"unsafe"
)

// CPU returns the processor time, user and system, that the process has used
// so far, ended threads included. It reads the process's CPU clock
// (clock_getcpuclockid(3)): nanoseconds, where /proc/PID/stat has ticks of 10 ms.
func (p *Process) CPU() (time.Duration, error) {
	// The clock of a process: its complemented id above three bits, the last
	// two of which (2, CPUCLOCK_SCHED) ask for the scheduler's exact count.
	clock := uint32(^int32(p.cmd.Process.Pid))<<3 | 2 // process ids fit
	var ts syscall.Timespec
	_, _, errno := syscall.Syscall(syscall.SYS_CLOCK_GETTIME, uintptr(clock), uintptr(unsafe.Pointer(&ts)), 0)
	if errno != 0 {
		return 0, fmt.Errorf("read the CPU clock of process %d: %w", p.cmd.Process.Pid, errno)
	}
	return time.Duration(ts.Nano()), nil
}

// RSS returns the process's resident memory in bytes.
func (p *Process) RSS() (int64, error) {
	name := fmt.Sprintf("/proc/%d/statm", p.cmd.Process.Pid)
	b, err := os.ReadFile(name)
	if err != nil {
		return 0, fmt.Errorf("read resident memory: %w", err)
	}
	fields := bytes.Fields(b)
	if len(fields) < 2 {
		return 0, fmt.Errorf("read resident memory: %s is too short", name)
	}
	pages, err := strconv.ParseInt(string(fields[1]), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("read resident memory from %s: %w", name, err)
	}
	return pages * int64(os.Getpagesize()), nil
}

// PeakRSS returns the most resident memory the process has had, in bytes.
func (p *Process) PeakRSS() (int64, error) {
	name := fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid)
	b, err := os.ReadFile(name)
	if err != nil {
		return 0, fmt.Errorf("read the peak of resident memory: %w", err)
	}
	for line := range bytes.Lines(b) {
		var kib int64
		if n, err := fmt.Sscanf(string(line), "VmHWM: %d kB", &kib); n == 1 && err == nil {
			return kib << 10, nil
		}
	}
	return 0, fmt.Errorf("read the peak of resident memory: %s has none", name)
}

// Descriptors counts the descriptors that the process has open.
func (p *Process) Descriptors() (int, error) {
	list, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", p.cmd.Process.Pid))
	if err != nil {
		return 0, fmt.Errorf("count descriptors: %w", err)
	}
	return len(list), nil
}
