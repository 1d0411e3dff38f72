package upstream

import (
	"errors"
	"fmt"

	"github.com/klauspost/compress/zstd"
	"github.com/valyala/fasthttp"
)

// decode undoes the content coding of the body, within the limit. The gateway
// asks for none, but some servers send one nevertheless.
func (ex *exchange) decode(limit int) error {
	coding := ex.raw("content-encoding")
	if len(coding) == 0 || len(ex.answer.body) == 0 || equalFold(coding, "identity") {
		return nil
	}
	body, err := uncode(coding, ex.answer.body, limit)
	switch {
	case errors.Is(err, errTooLarge), errors.Is(err, fasthttp.ErrBodyTooLarge), errors.Is(err, zstd.ErrDecoderSizeExceeded), errors.Is(err, zstd.ErrWindowSizeExceeded):
		return errTooLarge
	case err != nil:
		return fmt.Errorf("%w: content coding: %w", errMalformed, err)
	}
	ex.answer.body = body
	return nil
}

func uncode(coding, body []byte, limit int) ([]byte, error) {
	if equalFold(coding, "zstd") {
		return unzstd(body, limit)
	}
	r := fasthttp.AcquireResponse()
	defer fasthttp.ReleaseResponse(r)
	r.SetBodyRaw(body)
	switch {
	case equalFold(coding, "gzip"), equalFold(coding, "x-gzip"):
		return r.BodyGunzipWithLimit(limit)
	case equalFold(coding, "deflate"):
		return r.BodyInflateWithLimit(limit)
	case equalFold(coding, "br"):
		return r.BodyUnbrotliWithLimit(limit)
	}
	return nil, malformed("unknown Content-Encoding")
}

// zstdWindow is the window that decoders should support (RFC 8878, section
// 3.1.1.1.2), however little is decoded with it.
const zstdWindow = 8 << 20

// unzstd decodes without goroutines: fasthttp's way leaves some behind when a
// body is larger than the limit.
func unzstd(body []byte, limit int) ([]byte, error) {
	memory := max(limit, zstdWindow)
	d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(uint64(memory)))
	if err != nil {
		return nil, err
	}
	defer d.Close()
	out, err := d.DecodeAll(body, nil)
	if err == nil && len(out) > limit {
		err = errTooLarge
	}
	return out, err
}
