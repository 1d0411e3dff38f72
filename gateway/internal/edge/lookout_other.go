//go:build !linux

package edge

// lookout would ask for hang-ups; only Linux can tell cheaply.
type lookout struct{}

// hungUp finds none: a write that fails tells.
func (*lookout) hungUp([]*Stream, func(*Stream)) {}
