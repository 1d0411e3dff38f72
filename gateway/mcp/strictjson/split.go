package strictjson

// Member is one name and its raw value in an object.
type Member struct {
	Name  string // unescaped
	Value []byte // raw text, without white space around it
}

// Members splits an object that passed Check and appends its members to dst in
// the order of the text. Values are parts of data, and so are the names that
// hold no escapes: neither may be used once data changes; clone what outlives
// it (strings.Clone). Text that is no object is a *SyntaxError; names are not
// compared again.
func Members(data []byte, dst []Member) ([]Member, error) {
	s := scanner{data: data}
	i, more := s.open('{', '}', "expected an object")
	for more {
		nameEnd, escaped := s.name(i)
		if nameEnd < 0 {
			return dst, s.err()
		}
		name := span{i + 1, nameEnd - 1, escaped}
		start := s.colon(nameEnd)
		if start < 0 {
			return dst, s.err()
		}
		end := s.value(start, hardDepth)
		if end < 0 {
			return dst, s.err()
		}
		dst = append(dst, Member{Name: s.key(name), Value: data[start:end:end]})
		i, more = s.next(end, '}')
	}
	if i < 0 {
		return dst, s.err()
	}
	return dst, nil
}

// Elements splits an array that passed Check and appends its raw elements,
// without white space around them, to dst. They are parts of data. Text that
// is no array is a *SyntaxError.
func Elements(data []byte, dst [][]byte) ([][]byte, error) {
	s := scanner{data: data}
	i, more := s.open('[', ']', "expected an array")
	for more {
		end := s.value(i, hardDepth)
		if end < 0 {
			return dst, s.err()
		}
		dst = append(dst, data[i:end:end])
		i, more = s.next(end, ']')
	}
	if i < 0 {
		return dst, s.err()
	}
	return dst, nil
}

// open reads the start of a container and reports whether it has anything in
// it; then the index is that of its first name or element.
func (s *scanner) open(first, last byte, want string) (int, bool) {
	i := s.space(0)
	if i >= len(s.data) || s.data[i] != first {
		return s.fail(i, want), false
	}
	if i = s.space(i + 1); i < len(s.data) && s.data[i] == last {
		return s.closed(i), false
	}
	return i, true
}

// next reads what stands behind a member or an element and reports whether
// another one follows.
func (s *scanner) next(i int, last byte) (int, bool) {
	i = s.space(i)
	switch {
	case i >= len(s.data):
		return s.fail(i, msgEnd), false
	case s.data[i] == ',':
		return s.space(i + 1), true
	case s.data[i] == last:
		return s.closed(i), false
	}
	return s.fail(i, "expected a comma or the end"), false
}

// closed makes sure that the container's last byte, at i, ends the text.
func (s *scanner) closed(i int) int {
	if i = s.space(i + 1); i < len(s.data) {
		return s.fail(i, "unexpected text after the value")
	}
	return i
}
