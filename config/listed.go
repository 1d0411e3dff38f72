package config

import (
	"encoding/json"
	"time"
)

// Resource is something that clients can read: a text, a file, or what an
// upstream or some steps answer. With placeholders in its URI it is a template.
type Resource struct {
	Place `manifest:"-"`
	// URI is the key: a URI, or a template of URIs with {name} in it.
	URI string `manifest:"-"`
	// Template says that the URI has a placeholder.
	Template    bool                 `manifest:"-"`
	Name        string               `manifest:"name,required" doc:"Name for programs."`
	Title       string               `manifest:"title" doc:"Name for people."`
	Description string               `manifest:"description" doc:"What the resource holds, for the model."`
	MIMEType    string               `manifest:"mime_type" doc:"Media type of its content, e.g. text/plain."`
	Icons       []Icon               `manifest:"icons" doc:"Pictures that clients may show beside its name."`
	Annotations ResourceAnnotations  `manifest:"annotations" doc:"Hints on whom it is for."`
	Size        int64                `manifest:"size,size" doc:"Size of the content, for those that estimate its cost before they read it." min:"0"`
	Meta        json.RawMessage      `manifest:"meta" doc:"Further members for _meta, as clients want them."`
	Tags        []string             `manifest:"tags" doc:"Words by which endpoints choose resources, e.g. [sales]."`
	Upstream    string               `manifest:"upstream" doc:"The upstream asked; may be left out when there is one."`
	Text        *string              `manifest:"text" doc:"The content itself."`
	File        string               `manifest:"file,path" doc:"File that holds the content."`
	Watch       time.Duration        `manifest:"watch" doc:"How often the content is looked at while somebody is subscribed. Only resources that are watched can be subscribed to." min:"1s"`
	Complete    map[string]*Complete `manifest:"complete" doc:"Suggestions for the values of placeholders, by name."`
	Requires    []string             `manifest:"requires" doc:"Client capabilities without which the resource can't be read." enum:"elicitation,elicitation.url,sampling,roots"`
	// Broken says that it could not be read so far that its other parts can be
	// checked.
	Broken bool               `manifest:"-"`
	Parts  map[string]Setting `manifest:",inline,parts=resource"`
}

// ResourceAnnotations are hints on whom a resource is for.
type ResourceAnnotations struct {
	Audience     []string `manifest:"audience" doc:"For whom it is." enum:"user,assistant"`
	Priority     *float64 `manifest:"priority" doc:"How much it matters: from 0, optional, to 1, required." min:"0"`
	LastModified string   `manifest:"last_modified" doc:"When it last changed (RFC 3339), e.g. 2026-03-01T12:00:00Z."`
}

// Prompt is a template of messages that a person picks and fills in.
type Prompt struct {
	Place       `manifest:"-"`
	Name        string          `manifest:"-"`
	Title       string          `manifest:"title" doc:"Name for people."`
	Description string          `manifest:"description" doc:"What the prompt is for."`
	Icons       []Icon          `manifest:"icons" doc:"Pictures that clients may show beside its name."`
	Meta        json.RawMessage `manifest:"meta" doc:"Further members for _meta, as clients want them."`
	Tags        []string        `manifest:"tags" doc:"Words by which endpoints choose prompts, e.g. [sales]."`
	Arguments   []Argument      `manifest:"arguments" doc:"What is to be filled in, by name. All arguments are texts; every one is required unless it is optional."`
	Requires    []string        `manifest:"requires" doc:"Client capabilities without which the prompt can't be rendered." enum:"elicitation,elicitation.url,sampling,roots"`
	// Broken says that its arguments could not be read.
	Broken bool               `manifest:"-"`
	Parts  map[string]Setting `manifest:",inline,parts=prompt"`
}

// Argument is one declared argument of a prompt.
type Argument struct {
	Place       `manifest:"-"`
	Name        string    `manifest:"-"`
	Title       string    `manifest:"title" doc:"Name for people."`
	Description string    `manifest:"description" doc:"What to fill in."`
	Optional    bool      `manifest:"optional" doc:"It may be left out."`
	Complete    *Complete `manifest:"complete" doc:"Suggestions for its value."`
}

// Complete is where suggestions for the value of an argument come from: a
// list, an upstream's answer, or a tool's.
type Complete struct {
	Place `manifest:"-"`
	// Values are the suggestions, if they are a list.
	Values []string `manifest:"-"`
	// Request is what the upstream is asked, of the type of its kind; its place
	// is zero if there is none.
	Request  Setting         `manifest:",inline,parts=complete"`
	Upstream string          `manifest:"upstream" doc:"The upstream asked; may be left out when there is one."`
	Tool     string          `manifest:"tool" doc:"The tool called."`
	Args     json.RawMessage `manifest:"args" doc:"The tool's arguments, e.g. {prefix: \"${{ value }}\"}."`
	Select   string          `manifest:"select" doc:"jq that gives the suggestions, e.g. .[].id."`
	// Broken says that it could not be read.
	Broken bool `manifest:"-"`
}

// Either tells that suggestions are a list, or a mapping that says where they
// come from.
func (c *Complete) Either() (scalar, list, mapping any) { return nil, &c.Values, c }

// Icon is a picture that clients may show.
type Icon struct {
	Place    `manifest:"-"`
	Src      string   `manifest:"src,required" doc:"URL of the picture: https, or data with the picture itself."`
	MIMEType string   `manifest:"mime_type" doc:"Its media type, e.g. image/png."`
	Sizes    []string `manifest:"sizes" doc:"Sizes it is made for, e.g. 48x48, or any."`
	Theme    string   `manifest:"theme" doc:"Background it is made for." enum:"light,dark"`
}
