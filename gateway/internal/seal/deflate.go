package seal

import (
	"bytes"
	"compress/flate"
	"io"
	"sync"
)

const (
	// deflateFrom is the length from which compressing is worth its time.
	deflateFrom = 512
	// maxInflated bounds what a compressed token may grow to. Longer texts are
	// not compressed.
	maxInflated = 1 << 20
)

// deflater compresses texts. Its writers take much memory, so they are reused.
type deflater struct{ writers sync.Pool }

func newDeflater() *deflater { return &deflater{} }

// deflate returns the text compressed, if that is shorter.
func (d *deflater) deflate(plain []byte) ([]byte, bool) {
	if len(plain) < deflateFrom || len(plain) > maxInflated {
		return nil, false
	}
	var short bytes.Buffer
	writer, ok := d.writers.Get().(*flate.Writer)
	if ok {
		writer.Reset(&short)
	} else {
		var err error
		if writer, err = flate.NewWriter(&short, flate.BestSpeed); err != nil {
			return nil, false
		}
	}
	_, err := writer.Write(plain)
	if err == nil {
		err = writer.Close()
	}
	if err != nil {
		return nil, false
	}
	d.writers.Put(writer)
	return short.Bytes(), short.Len() < len(plain)
}

// inflate undoes deflate. Only texts that were sealed come here, so a failure
// means that somebody with the key does something else with it.
func inflate(short []byte) ([]byte, error) {
	reader := flate.NewReader(bytes.NewReader(short))
	plain, err := io.ReadAll(io.LimitReader(reader, maxInflated+1))
	if err != nil || len(plain) > maxInflated {
		return nil, ErrInvalid
	}
	return plain, nil
}
