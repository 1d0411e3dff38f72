package acme

import (
	"bytes"
	"crypto/sha256"
	"image"
	"image/color"
	"image/png"
	"net/http"
	"strings"
	"time"
)

type product struct {
	SKU         string    `json:"sku"`
	Name        string    `json:"name"`
	Category    string    `json:"category"`
	Price       cents     `json:"price"`
	WeightGrams int       `json:"weight_grams"`
	UpdatedAt   time.Time `json:"updated_at"`

	Stock     int    `json:"-"`
	Warehouse string `json:"-"`
}

// stock is the answer of GET /products/{sku}/stock.
type stock struct {
	SKU       string    `json:"sku"`
	Available bool      `json:"available"`
	Quantity  int       `json:"quantity"`
	Warehouse string    `json:"warehouse"`
	UpdatedAt time.Time `json:"updated_at"`
}

func (s *Service) listProducts(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	category, err := wordParam(q, "category", categories()...)
	if err != nil {
		return err
	}
	prefix := strings.ToLower(q.Get("prefix"))
	s.store.mu.RLock()
	found, err := paginate(list{name: "products"}, s.store.products.all, q, func(p *product) bool {
		return (category == "" || p.Category == category) && (prefix == "" || hasPrefix(prefix, p.SKU, p.Name))
	})
	s.store.mu.RUnlock()
	if err != nil {
		return err
	}
	writePage(w, r, found)
	return nil
}

func (s *Service) product(r *http.Request) (product, error) {
	return get(s.store, &s.store.products, "product", r.PathValue("sku"))
}

func (s *Service) getProduct(w http.ResponseWriter, r *http.Request) error {
	p, err := s.product(r)
	if err != nil {
		return err
	}
	serveResource(w, r, mediaJSON, p.UpdatedAt, encode(p))
	return nil
}

func (s *Service) getStock(w http.ResponseWriter, r *http.Request) error {
	p, err := s.product(r)
	if err != nil {
		return err
	}
	serveResource(w, r, mediaJSON, p.UpdatedAt, encode(stock{
		SKU: p.SKU, Available: p.Stock > 0, Quantity: p.Stock, Warehouse: p.Warehouse, UpdatedAt: p.UpdatedAt,
	}))
	return nil
}

func (s *Service) getImage(w http.ResponseWriter, r *http.Request) error {
	p, err := s.product(r)
	if err != nil {
		return err
	}
	picture, err := draw(p.SKU)
	if err != nil {
		return err
	}
	serveResource(w, r, "image/png", s.store.epoch, picture)
	return nil
}

const imageSide = 64 // pixels

// draw makes a product's picture: a badge in a colour of its own with a
// pattern of blocks, mirrored, so that no two look the same.
func draw(sku string) ([]byte, error) {
	sum := sha256.Sum256([]byte(sku))
	ink := color.RGBA{R: sum[0], G: sum[1], B: sum[2], A: 0xff}
	img := image.NewPaletted(image.Rect(0, 0, imageSide, imageSide), color.Palette{color.White, ink})
	const block = imageSide / 8
	for y := range imageSide {
		for x := range imageSide {
			col := min(x/block, 7-x/block)
			if sum[y/block]>>col&1 == 1 {
				img.SetColorIndex(x, y, 1)
			}
		}
	}
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}
