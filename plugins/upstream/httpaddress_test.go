package upstream

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"testing"
)

func TestAddresses(t *testing.T) {
	rules := newAddressRules()
	for _, tt := range []struct {
		always, private bool // refused
		addrs           []string
	}{
		{true, true, []string{
			"169.254.169.254", "169.254.0.1", "::ffff:169.254.169.254", "::169.254.169.254", "::ffff:0:169.254.169.254",
			"64:ff9b::169.254.169.254", "64:ff9b:1::a9fe:a9fe", "2002:a9fe:a9fe::1", "fe80::1", "fe80::1%eth0", "fd00:ec2::254",
			"fd20:ce::254", "0.0.0.0", "0.1.2.3", "::", "224.0.0.1", "239.1.1.1", "ff02::1", "255.255.255.255", "240.0.0.1",
			"100.100.100.200", "168.63.129.16", "2001:0:a9fe:a9fe::1", "2001:0:1:2:3:4:5601:5601", "2001:db8::5efe:a9fe:a9fe",
		}},
		{false, true, []string{
			"127.0.0.1", "127.9.9.9", "::1", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "100.64.0.1", "fc00::1",
			"fd12:3456::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "2002:7f00:1::", "64:ff9b::7f00:1", "64:ff9b::10.0.0.1", "fec0::1",
		}},
		{false, false, []string{"1.1.1.1", "8.8.8.8", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "64:ff9b::8.8.8.8", "2002:808:808::1"}},
	} {
		for _, text := range tt.addrs {
			addr := netip.MustParseAddr(text)
			if got := rules.refused(addr, true); got != tt.always {
				t.Errorf("%s with private networks allowed: refused %v", text, got)
			}
			if got := rules.refused(addr, false); got != tt.private {
				t.Errorf("%s: refused %v", text, got)
			}
		}
	}
	if !rules.refused(netip.Addr{}, true) {
		t.Error("no address is allowed")
	}
}

// A name is resolved for every connection, and what was checked is dialed: a
// name that turns to another address is refused then.
func TestDialChecksEveryResolution(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	s := HTTPSettings{AllowPrivate: true}
	d, err := newDialer(&base{host: "crm.example", port: port}, s)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		answer []string
		fails  bool
	}{
		{[]string{"127.0.0.1"}, false},
		{[]string{"169.254.169.254"}, true},
		{[]string{"::ffff:169.254.169.254", "fe80::1"}, true},
		{[]string{"169.254.169.254", "127.0.0.1"}, false}, // the second is dialed
		{nil, true},
	} {
		d.lookup = func(context.Context, string, string) ([]netip.Addr, error) {
			var out []netip.Addr
			for _, text := range tt.answer {
				out = append(out, netip.MustParseAddr(text))
			}
			return out, nil
		}
		c, err := d.dial(context.Background())
		if (err != nil) != tt.fails || tt.fails && !errors.Is(err, errRefusedAddress) {
			t.Errorf("%v: %v", tt.answer, err)
		}
		if err == nil {
			if got := c.RemoteAddr().String(); got != l.Addr().String() {
				t.Errorf("%v: dialed %s", tt.answer, got)
			}
			c.drop()
		}
	}
}

// The next address is tried when one doesn't answer.
func TestDialTriesAllAddresses(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.2:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	d, err := newDialer(&base{host: "crm.example", port: port}, HTTPSettings{AllowPrivate: true})
	if err != nil {
		t.Fatal(err)
	}
	d.lookup = func(context.Context, string, string) ([]netip.Addr, error) {
		return []netip.Addr{netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("127.0.0.2")}, nil
	}
	c, err := d.dial(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	c.drop()
}

// byteReader gives what it holds in small pieces.
type byteReader struct {
	data []byte
	size int
}

func (r *byteReader) Read(p []byte) (int, error) {
	if len(r.data) == 0 {
		return 0, io.EOF
	}
	n := copy(p[:min(len(p), r.size)], r.data)
	r.data = r.data[n:]
	return n, nil
}

// However the bytes come, the answer is the same; and nothing makes the reader
// panic, hang or keep more than the limit.
func FuzzAnswer(f *testing.F) {
	for _, seed := range []string{
		"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n10;x\r\n0123456789abcdef\r\n0\r\nA: b\r\n\r\n",
		"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.0 404 No\r\nConnection: keep-alive\r\n\r\nrest",
		"HTTP/1.1 204 No\r\nKeep-Alive: timeout=5, max=3\r\n\r\n",
	} {
		f.Add([]byte(seed), uint8(1), false)
	}
	f.Fuzz(func(t *testing.T, data []byte, size uint8, head bool) {
		const limit = 1 << 12
		var whole, pieces answer
		wholeErr := whole.read(&byteReader{data, len(data) + 1}, head, limit)
		piecesErr := pieces.read(&byteReader{data, int(size%16) + 1}, head, limit)
		if (wholeErr == nil) != (piecesErr == nil) {
			t.Fatalf("%v, in pieces %v", wholeErr, piecesErr)
		}
		if wholeErr != nil {
			return
		}
		if whole.status != pieces.status || string(whole.body) != string(pieces.body) {
			t.Fatalf("%d %q, in pieces %d %q", whole.status, whole.body, pieces.status, pieces.body)
		}
		if len(whole.body) > limit || whole.status < 200 {
			t.Fatalf("status %d, %d bytes", whole.status, len(whole.body))
		}
		whole.lookup("content-type")
	})
}
