package transform

import (
	"encoding/json"
	"time"
)

// Settings are a tool's `response`: how the upstream's answer becomes the
// tool's.
type Settings struct {
	As          string            `manifest:"as" doc:"What the answer's body is taken for; auto goes by its Content-Type. XML and CSV become JSON, HTML becomes Markdown. image and audio answer the body as such, blob embeds it as a resource, link answers a link to it." enum:"auto,json,text,xml,csv,html,image,audio,blob,link" default:"auto"`
	Select      string            `manifest:"select" doc:"A jq expression over the body, e.g. '{id, total: .sum.amount}'. What it selects is the answer."`
	Text        string            `manifest:"text" doc:"The text that the model reads, with holes such as ${{ .id }}; . is the body, or what select made of it. The JSON itself goes to structuredContent."`
	Schema      json.RawMessage   `manifest:"schema" doc:"JSON Schema of the structured content, listed as the tool's outputSchema; none switches a default off."`
	SchemaCheck string            `manifest:"schema_check" doc:"What happens to an answer that breaks the schema. strict: it becomes a tool error; warn: it is logged and sent; off: it is not checked." enum:"off,warn,strict" default:"strict"`
	Errors      map[string]string `manifest:"errors" doc:"Texts for failures, by status (404), class (5xx), failed (an answer that failed says so in its body) or default; holes know args, caller, status, headers, and . is the failure's body if that is JSON or XML; of a SOAP fault it is {code, reason, detail}."`
	Failed      string            `manifest:"failed" doc:"A jq expression over the body of an answer with a status below 300: true, or anything but false and null, means that it is a failure all the same, e.g. '.ok == false'. What the model reads is errors.failed, or errors.default."`
	MaxTokens   TokenLimit        `manifest:"max_tokens" doc:"How many tokens the model reads of an answer at most, e.g. 8000; none for no limit. A longer one is shortened step by step: nulls and empty members go, flat lists become tables, and then items are left out and counted." default:"20000"`
	Paginate    *PaginateSettings `manifest:"paginate" doc:"How to follow the pages of a list, e.g. {items: .data, next: .next_cursor, pass_as: cursor}. The body is then the list of the items of all pages."`
	Content     []BlockSettings   `manifest:"content" doc:"Several content blocks in place of the one text."`
	MIMEType    string            `manifest:"mime_type" doc:"Media type of the body, in place of the upstream's Content-Type."`
	Poll        *PollSettings     `manifest:"poll" doc:"How to wait for a job that the upstream accepted with status 202."`
	URI         string            `manifest:"uri" doc:"URI of an embedded resource or link; may have holes. The default is sallyport://TOOL."`
}

// BlockSettings are one content block: exactly one of its kinds.
type BlockSettings struct {
	Text        *string             `manifest:"text" doc:"A text for the model; may have holes."`
	Image       *MediaSettings      `manifest:"image" doc:"An image, from a file or as base64 data."`
	Audio       *MediaSettings      `manifest:"audio" doc:"A sound, from a file or as base64 data."`
	Resource    *ResourceSettings   `manifest:"resource" doc:"An embedded resource."`
	Link        *LinkSettings       `manifest:"link" doc:"A link to a resource."`
	Step        string              `manifest:"step" doc:"The blocks of that step's answer, as they are."`
	Load        string              `manifest:"load" doc:"The blocks of what a prompt loaded under that name, as they are."`
	Annotations *AnnotationSettings `manifest:"annotations" doc:"Whom the block is for and how much it matters."`
}

// MessageSettings are one message of a prompt: a content block that somebody
// says.
type MessageSettings struct {
	Role string `manifest:"role,required" doc:"Who says it." enum:"user,assistant"`
	BlockSettings
}

// PollSettings say how to wait for a job of the upstream. Placeholders name
// members of what the upstream answered when it accepted the job, and else
// arguments of the call.
type PollSettings struct {
	Status  string        `manifest:"status" doc:"The request that tells how far the job is, e.g. GET /jobs/{id}. Without it the Location of the 202 is asked."`
	Until   string        `manifest:"until" doc:"A jq expression over the status answer that is true once the job is done; without it, any answer but 202 says so."`
	Failed  string        `manifest:"failed" doc:"A jq expression over the status answer that is true if the job has failed."`
	Result  string        `manifest:"result" doc:"The request for the result, e.g. GET /jobs/{id}/result; without it, the last status answer is the result."`
	Every   time.Duration `manifest:"every" doc:"Time between two looks; the upstream's Retry-After comes first, from 200ms to 60s." default:"2s" min:"200ms"`
	Timeout time.Duration `manifest:"timeout" doc:"How long the job may take." default:"10m" min:"1s"`
}

// PaginateSettings say how to follow the pages of a list.
type PaginateSettings struct {
	Items    string `manifest:"items,required" doc:"A jq expression over a page that is the list of its items, e.g. .data; . if the page itself is the list."`
	Next     string `manifest:"next,required" doc:"What leads to the next page: link (the Link header, RFC 8288), page (its number goes up by 1), offset (goes up by the items received), or a jq expression over the page that is a cursor for pass_as or, without pass_as, a URL; null, false or an empty text ends the list."`
	PassAs   string `manifest:"pass_as" doc:"The argument that says which page is meant, e.g. cursor. One that input does not declare goes to the query, unseen by clients."`
	MaxPages int    `manifest:"max_pages" doc:"How many pages are read for one call." default:"5" min:"1"`
	MaxItems int    `manifest:"max_items" doc:"How many items of all pages are kept; without it, all." min:"1"`
}

// MediaSettings are an image or a sound.
type MediaSettings struct {
	File     string `manifest:"file,path" doc:"A file, read when the manifest is loaded; at most 4 MiB."`
	Data     string `manifest:"data" doc:"Base64, usually a hole such as ${{ .png }}."`
	MIMEType string `manifest:"mime_type" doc:"Media type; found out by itself for common files."`
}

// ResourceSettings are an embedded resource.
type ResourceSettings struct {
	URI      string  `manifest:"uri,required" doc:"URI of the resource; may have holes."`
	MIMEType string  `manifest:"mime_type" doc:"Media type."`
	Text     *string `manifest:"text" doc:"Its text; may have holes."`
	Blob     string  `manifest:"blob" doc:"Its bytes as base64, usually a hole."`
	File     string  `manifest:"file,path" doc:"A file, read when the manifest is loaded; at most 4 MiB."`
}

// LinkSettings are a link to a resource.
type LinkSettings struct {
	URI         string `manifest:"uri,required" doc:"URI of the resource; may have holes."`
	Name        string `manifest:"name,required" doc:"Name of the resource; may have holes."`
	Title       string `manifest:"title" doc:"Name for people."`
	Description string `manifest:"description" doc:"What it is, for the model."`
	MIMEType    string `manifest:"mime_type" doc:"Media type."`
	Size        int64  `manifest:"size,size" doc:"Size of what it leads to."`
}

// AnnotationSettings tell a client whom a block is for.
type AnnotationSettings struct {
	Audience []string `manifest:"audience" doc:"Whom the block is for." enum:"user,assistant"`
	Priority *float64 `manifest:"priority" doc:"From 0, least, to 1, most important."`
}
