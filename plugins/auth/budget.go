package auth

import (
	"hash/maphash"
	"net/netip"
	"sync/atomic"
	"time"
)

const (
	// budgetCells is how many counters there are; addresses share them by
	// hash, with a seed of the process, so that memory is bounded and nobody
	// can choose whom to share with.
	budgetCells = 16_384
	// failureRate is how many failed checks a second an address may cause.
	failureRate = 20
	// failureBurst is how many it may cause at once after a pause.
	failureBurst = 50
)

// budget limits how many costly checks of bad tokens an address may cause: one
// forged signature can cost as much as dozens of calls. It is a GCRA (ITU-T
// I.371) on one word a cell: the time at which the cell's debt is paid.
type budget struct {
	seed  maphash.Seed
	cells [budgetCells]atomic.Int64
}

func newBudget() *budget { return &budget{seed: maphash.MakeSeed()} }

// Close lets the budget be kept over reloads; there is nothing to close.
func (*budget) Close() error { return nil }

func (b *budget) cell(remote netip.Addr) *atomic.Int64 {
	remote = remote.Unmap().WithZone("")
	if remote.Is6() { // one machine commonly has a whole /64
		remote = netip.PrefixFrom(remote, 64).Masked().Addr()
	}
	return &b.cells[maphash.Comparable(b.seed, remote)%budgetCells]
}

// wait returns how long the address must wait until another check is done for
// it; zero if it has budget left.
func (b *budget) wait(remote netip.Addr, now time.Time) time.Duration {
	const period = int64(time.Second) / failureRate
	debt := b.cell(remote).Load() - now.UnixNano()
	return time.Duration(max(0, debt-(failureBurst-1)*period))
}

// charge books one failed check on the address.
func (b *budget) charge(remote netip.Addr, now time.Time) {
	const period = int64(time.Second) / failureRate
	cell := b.cell(remote)
	for {
		old := cell.Load()
		if cell.CompareAndSwap(old, max(old, now.UnixNano())+period) {
			return
		}
	}
}
