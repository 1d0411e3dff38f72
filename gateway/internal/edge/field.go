package edge

// The classes of bytes in the head of a request.
const (
	classToken  = 1 << iota // RFC 9110, section 5.6.2
	classValue              // field-vchar, blank, tab, obs-text: RFC 9110, section 5.5
	classTarget             // pchar without percent-encoding, and slash: RFC 3986, section 3.3
	classHost               // names and IPv4 addresses; underscores occur in names of containers
	classHex
)

// classes tells the classes of each byte.
var classes = [256]uint8{} //nolint:gochecknoglobals // filled below; never changed

// fieldKind is a header that matters to the front.
type fieldKind uint8

// The headers the front looks at. Those not named here are plain.
const (
	plainField fieldKind = iota
	hostField
	lengthField
	encodingField
	expectField
	contentEncodingField
	trailerField
	connectionField
	contentTypeField
	authorizationField
	originField
	apiKeyField
	requestIDField
	lastEventField
	mcpField
)
