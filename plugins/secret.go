package plugins

// Secret is a value that is never printed. In a manifest it is a string, or
// {file: path}, or {env: VAR}.
type Secret struct{ value string }

// NewSecret makes a secret of a value.
func NewSecret(value string) Secret { return Secret{value: value} }

// Reveal returns the value.
func (s Secret) Reveal() string { return s.value }

// Empty reports whether there is no value.
func (s Secret) Empty() bool { return s.value == "" }

// SetSecret takes the value; the manifest's decoder calls it.
func (s *Secret) SetSecret(value string) { s.value = value }

// String hides the value.
func (s Secret) String() string { return "[secret]" }

// GoString hides the value.
func (s Secret) GoString() string { return "[secret]" }

// MarshalText hides the value.
func (s Secret) MarshalText() ([]byte, error) { return []byte("[secret]"), nil }
