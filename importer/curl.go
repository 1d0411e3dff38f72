package importer

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// CurlOptions say how a command becomes a manifest.
type CurlOptions struct {
	// Name is that of the tool; guessed if empty.
	Name string
	// Upstream is the service's name; made of its host if empty.
	Upstream string
}

// Curl makes a manifest of one tool from the words of a curl command line, curl
// itself included or not.
func Curl(args []string, o CurlOptions) (*Draft, error) {
	if len(args) > 0 && (path.Base(args[0]) == "curl" || path.Base(args[0]) == "curl.exe") {
		args = args[1:]
	} else if len(args) > 1 && otherCommand.MatchString(args[0]) {
		return nil, fmt.Errorf("this is no curl command: it begins with %s", clean(args[0]))
	}
	if slices.ContainsFunc(args, func(word string) bool { return !utf8.ValidString(word) }) {
		return nil, errors.New("the command has bytes that are no UTF-8")
	}
	c := &curl{}
	if err := c.read(args); err != nil {
		return nil, err
	}
	if c.url == "" {
		return nil, errors.New("the command has no URL")
	}
	return c.draft(o)
}

// otherCommand is the name of a program; a host without a dot and a port is none
// that anybody gives options to.
var otherCommand = regexp.MustCompile(`^[a-z][a-z0-9_-]*$`)

// curl is a command line read.
type curl struct {
	method    string
	url       string
	headers   []string
	data      []string // of -d, joined by &
	json      bool
	form      []field
	user      string
	hasUser   bool
	bearer    bool
	get, head bool
	upload    bool   // the body is a file's content
	put       bool   // by -T
	file      string // of -T: its name goes behind a URL that ends in a slash
	cookie    bool
	query     []string // of --url-query
	notes     []string
}

// option is what an option of curl means.
type option struct {
	names []string
	// value says that a word follows.
	value bool
	do    func(c *curl, value string) error
}

func ignore(*curl, string) error { return nil }

// curlOptions are the options that say something of the request.
func curlOptions() []option {
	return []option{
		{[]string{"-X", "--request"}, true, func(c *curl, v string) error { c.method = strings.ToUpper(v); return nil }},
		{[]string{"--url"}, true, (*curl).setURL},
		{[]string{"-H", "--header"}, true, func(c *curl, v string) error { c.headers = append(c.headers, v); return notFile("-H", v) }},
		{[]string{"-d", "--data", "--data-ascii"}, true, func(c *curl, v string) error { c.data = append(c.data, v); return notFile("-d", v) }},
		{[]string{"--data-binary"}, true, func(c *curl, v string) error {
			if strings.HasPrefix(v, "@") {
				c.upload = true
				return nil
			}
			c.data = append(c.data, v)
			return nil
		}},
		{[]string{"--data-raw"}, true, func(c *curl, v string) error { c.data = append(c.data, v); return nil }},
		{[]string{"--data-urlencode"}, true, (*curl).urlencoded},
		{[]string{"--json"}, true, func(c *curl, v string) error { c.json = true; c.data = append(c.data, v); return notFile("--json", v) }},
		{[]string{"-F", "--form"}, true, (*curl).formField},
		{[]string{"--form-string"}, true, (*curl).formString},
		{[]string{"--url-query"}, true, func(c *curl, v string) error {
			c.query = append(c.query, strings.TrimPrefix(v, "+"))
			return notFile("--url-query", v)
		}},
		{[]string{"-u", "--user"}, true, func(c *curl, v string) error { c.user, c.hasUser = v, true; return nil }},
		{[]string{"--oauth2-bearer"}, true, func(c *curl, _ string) error { c.bearer = true; return nil }},
		{[]string{"-b", "--cookie"}, true, func(c *curl, _ string) error { c.cookie = true; return nil }},
		{[]string{"-G", "--get"}, false, func(c *curl, _ string) error { c.get = true; return nil }},
		{[]string{"-I", "--head"}, false, func(c *curl, _ string) error { c.head = true; return nil }},
		{[]string{"-T", "--upload-file"}, true, func(c *curl, v string) error { c.upload, c.put, c.file = true, true, path.Base(v); return nil }},
		{[]string{"-K", "--config"}, true, func(*curl, string) error {
			return errors.New("-K reads options from a file: write them into the command")
		}},
		{[]string{"-k", "--insecure"}, false, func(c *curl, _ string) error {
			c.notes = append(c.notes, "certificates are checked: give the CA of a private one as tls: {ca: ca.pem}")
			return nil
		}},
		{[]string{"-L", "--location"}, false, func(c *curl, _ string) error {
			c.notes = append(c.notes, "redirects are not followed")
			return nil
		}},
		{[]string{"-x", "--proxy", "--digest", "--ntlm", "--negotiate", "--aws-sigv4", "-E", "--cert", "--key", "--cacert"}, true, func(c *curl, _ string) error {
			c.notes = append(c.notes, "proxies, certificates and signed requests are left out: see the keys of upstreams")
			return nil
		}},
		{[]string{"-A", "--user-agent", "-e", "--referer", "-o", "--output", "-m", "--max-time", "--connect-timeout", "-w", "--write-out",
			"--retry", "--retry-delay", "--retry-max-time", "-c", "--cookie-jar", "-D", "--dump-header", "--limit-rate", "--resolve",
			"--max-redirs", "--ciphers", "--interface", "--stderr", "--trace", "--trace-ascii", "--tls-max", "--output-dir",
			"-r", "--range", "-C", "--continue-at", "-U", "--proxy-user", "-y", "--speed-time", "-Y", "--speed-limit", "-z", "--time-cond",
			"--connect-to", "--noproxy", "--socks5", "--socks5-hostname", "--unix-socket", "--cert-type", "--key-type", "--pass", "--capath",
			"--pinnedpubkey", "--max-filesize", "--keepalive-time", "--doh-url", "--dns-servers", "--expect100-timeout", "--rate",
			"--request-target", "--proto", "--proto-default", "--proto-redir", "--tls13-ciphers", "--curves", "--hsts", "--alt-svc"}, true, ignore},
	}
}

// notFile refuses a value that stands for a file.
func notFile(option, value string) error {
	if strings.HasPrefix(value, "@") {
		return fmt.Errorf("%s %s: the content is in a file: put an example of it in its place", option, value)
	}
	return nil
}

// flags of one word that say nothing of the request are all that aren't listed.
func findOption(name string) (option, bool) {
	for _, o := range curlOptions() {
		if slices.Contains(o.names, name) {
			if slices.Contains([]string{"--digest", "--ntlm", "--negotiate"}, name) {
				o.value = false
			}
			return o, true
		}
	}
	return option{}, false
}

// read takes the words of a command line.
func (c *curl) read(args []string) error {
	for i := 0; i < len(args); i++ {
		word := args[i]
		switch {
		case word == "--":
			for _, rest := range args[i+1:] {
				if err := c.setURL(rest); err != nil {
					return err
				}
			}
			return nil
		case word == "" || word[0] != '-' || word == "-":
			if err := c.setURL(word); err != nil {
				return err
			}
		case strings.HasPrefix(word, "--"):
			taken, err := c.long(word, args[i+1:])
			if err != nil {
				return err
			}
			i += taken
		default:
			taken, err := c.short(word[1:], args[i+1:])
			if err != nil {
				return err
			}
			i += taken
		}
	}
	return nil
}

// long takes an option of many letters, and tells how many further words.
func (c *curl) long(word string, rest []string) (int, error) {
	name, value, joined := strings.Cut(word, "=")
	o, ok := findOption(name)
	switch {
	case !ok:
		return 0, nil
	case !o.value:
		return 0, o.do(c, "")
	case joined:
		return 0, o.do(c, value)
	case len(rest) == 0:
		return 0, fmt.Errorf("%s wants a value", name)
	}
	return 1, o.do(c, rest[0])
}

// short takes options of one letter, which may stand together: -sSX POST,
// -XPOST.
func (c *curl) short(letters string, rest []string) (int, error) {
	for i := range len(letters) {
		o, ok := findOption("-" + letters[i:i+1])
		switch {
		case !ok:
			continue
		case !o.value:
			if err := o.do(c, ""); err != nil {
				return 0, err
			}
		case i+1 < len(letters):
			return 0, o.do(c, letters[i+1:])
		case len(rest) == 0:
			return 0, fmt.Errorf("-%s wants a value", letters[i:i+1])
		default:
			return 1, o.do(c, rest[0])
		}
	}
	return 0, nil
}

func (c *curl) setURL(v string) error {
	if c.url != "" {
		return errors.New("the command has two URLs: import one after the other")
	}
	c.url = v
	return nil
}

// urlencoded takes --data-urlencode: content, =content, name=content.
func (c *curl) urlencoded(v string) error {
	name, value, ok := strings.Cut(v, "=")
	if !ok {
		if strings.Contains(v, "@") {
			return notFile("--data-urlencode", "@"+v[strings.IndexByte(v, '@')+1:])
		}
		name, value = "", v
	}
	if name == "" {
		c.data = append(c.data, url.QueryEscape(value))
		return nil
	}
	c.data = append(c.data, name+"="+url.QueryEscape(value))
	return nil
}

// formField takes -F name=value, name=@file and name=<file.
func (c *curl) formField(v string) error {
	name, value, ok := strings.Cut(v, "=")
	if !ok || name == "" {
		return errors.New("-F: want name=value")
	}
	f := field{name: name, value: value}
	value, options, _ := strings.Cut(value, ";")
	for option := range strings.SplitSeq(options, ";") {
		if kind, found := strings.CutPrefix(strings.TrimSpace(option), "type="); found {
			f.mediaType = kind
			f.value = value
		}
	}
	if strings.HasPrefix(value, "@") {
		f.file, f.value = true, ""
	} else if strings.HasPrefix(value, "<") {
		f.value = ""
	}
	c.form = append(c.form, f)
	return nil
}

func (c *curl) formString(v string) error {
	name, value, ok := strings.Cut(v, "=")
	if !ok {
		return errors.New("--form-string: want name=value")
	}
	c.form = append(c.form, field{name: name, value: value})
	return nil
}

// verb is the method of the request.
func (c *curl) verb() string {
	switch {
	case c.method != "":
		return c.method
	case c.head:
		return http.MethodHead
	case c.get:
		return http.MethodGet
	case c.put:
		return http.MethodPut
	case len(c.data) > 0 || len(c.form) > 0 || c.upload:
		return http.MethodPost
	}
	return http.MethodGet
}
