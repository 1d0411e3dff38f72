package upstream

import (
	"encoding/binary"
	"net/netip"
)

// addressRules are the networks an upstream may not be in. Link-local ranges
// and the addresses of clouds' metadata services are never allowed: a name
// that leads there is an attack or a mistake. Others are refused unless
// private networks are allowed.
type addressRules struct {
	never, private []netip.Prefix
}

func newAddressRules() *addressRules {
	parse := func(texts ...string) (list []netip.Prefix) {
		for _, text := range texts {
			list = append(list, netip.MustParsePrefix(text))
		}
		return list
	}
	return &addressRules{
		never: parse(
			"0.0.0.0/8", "169.254.0.0/16", "224.0.0.0/4", "240.0.0.0/4", // this host, link-local, multicast, reserved
			"100.100.100.200/32", "168.63.129.16/32", "192.0.0.192/32", // metadata: Alibaba, Azure, Oracle
			"::/128", "fe80::/10", "ff00::/8",
			"fd00:ec2::/32", "fd20:ce::254/128", "fd00:42::42/128", // metadata: AWS, Google, Scaleway
		),
		private: parse(
			"127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "192.0.0.0/24", "198.18.0.0/15",
			"::1/128", "fc00::/7", "fec0::/10",
		),
	}
}

// refused reports whether an address may not be dialed.
func (r *addressRules) refused(addr netip.Addr, allowPrivate bool) bool {
	addr = addr.Unmap().WithZone("")
	if !addr.IsValid() || within(r.never, addr) || !allowPrivate && within(r.private, addr) {
		return true
	}
	for _, inner := range embedded(addr) {
		if within(r.never, inner) || !allowPrivate && within(r.private, inner) {
			return true
		}
	}
	return false
}

func within(list []netip.Prefix, addr netip.Addr) bool {
	for _, p := range list {
		if p.Contains(addr) {
			return true
		}
	}
	return false
}

// embedded returns the IPv4 addresses that an IPv6 address may lead to through
// a translator or a tunnel: IPv4-compatible and IPv4-translated addresses,
// NAT64 (RFC 6052, RFC 8215), 6to4 (RFC 3056), Teredo (RFC 4380), ISATAP
// (RFC 5214).
func embedded(addr netip.Addr) []netip.Addr {
	if !addr.Is6() {
		return nil
	}
	b := addr.As16()
	at := func(i int) netip.Addr { return netip.AddrFrom4([4]byte(b[i : i+4])) }
	high, low := binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:])
	switch {
	case addr == netip.IPv6Loopback():
		return nil
	case high == 0 && (low>>32 == 0 || low>>32 == 0xffff || low>>32 == 0xffff0000): // ::a.b.c.d, ::ffff:a.b.c.d, ::ffff:0:a.b.c.d
		return []netip.Addr{at(12)}
	case high == 0x0064ff9b_00000000: // 64:ff9b::/96
		return []netip.Addr{at(12)}
	case high>>16 == 0x0064ff9b_0001: // 64:ff9b:1::/48: the operator chose where the address stands
		return []netip.Addr{at(12), netip.AddrFrom4([4]byte{b[6], b[7], b[9], b[10]}), netip.AddrFrom4([4]byte{b[7], b[9], b[10], b[11]}), netip.AddrFrom4([4]byte{b[9], b[10], b[11], b[12]})}
	case high>>48 == 0x2002: // 6to4
		return []netip.Addr{at(2)}
	case high>>32 == 0x20010000: // Teredo: server, and client with bits turned
		return []netip.Addr{at(4), netip.AddrFrom4([4]byte{^b[12], ^b[13], ^b[14], ^b[15]})}
	case low>>32 == 0x00005efe || low>>32 == 0x02005efe: // ISATAP
		return []netip.Addr{at(12)}
	}
	return nil
}
