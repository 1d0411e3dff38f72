package config

import (
	"slices"
	"strconv"
	"strings"
)

// Problems turns an error of the part into problems. Of a value that was not
// read whole, those are left out that may follow from what was told of it.
func (s *Setting) Problems(err error) Problems {
	all := s.Place.Problems(err)
	return slices.DeleteFunc(all, func(p Problem) bool {
		return slices.ContainsFunc(s.told, func(told string) bool { return s.follows(p.Path, told) })
	})
}

// follows reports whether a problem at one path may be there only because of
// what is wrong at another: one of them is below the other, or it is about a
// key that isn't written in a mapping with a key that is wrong.
func (s *Setting) follows(path, told string) bool {
	if path == told || strings.HasPrefix(path, told+".") || strings.HasPrefix(told, path+".") {
		return true
	}
	i, j := strings.LastIndexByte(path, '.'), strings.LastIndexByte(told, '.')
	if i < 0 || j < 0 || path[:i] != told[:j] {
		return false
	}
	if _, err := strconv.Atoi(path[i+1:]); err == nil {
		return false // items of a list are on their own
	}
	below := strings.TrimPrefix(strings.TrimPrefix(path, s.Path), ".")
	_, written := s.walk(strings.Split(below, "."))
	return !written
}
