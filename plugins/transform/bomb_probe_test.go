package transform
import ("testing";"strings";"time";"runtime")
func TestProbe(t *testing.T){
 rep:=func(s string,n int)string{return strings.Repeat(s,n)}
 for name,in:=range map[string]string{
  "br":rep("a<br>",800000), "bq":rep("<blockquote>",400)+rep("a<br>",190000), "li":rep("<ul><li>",200)+rep("a<br>",90000),
  "div":rep("<div>",500)+rep("a ",1900000), "b":rep("<b>",400)+rep("a ",1900000), "bflat":rep("<b>a</b>",60000),
  "a":rep("<a href=x>a</a>",60000), "p":rep("<p>hello world",60000),"stars":rep("*_`[",1000000), "nl":rep("\n\n\n",1000000),
  "span":"<table>"+rep("<tr><td colspan=1000 rowspan=1000>x</td></tr>",40000)+"</table>",
  "table":"<table>"+rep("<tr><td>x</td><td>y</td></tr>",20000)+"</table>",
  "widetable":"<table><tr>"+rep("<td>x</td>",5000)+"</tr>"+rep("<tr><td>y</td></tr>",20000)+"</table>",
  "nestedtable":rep("<table><tr><td>",150)+rep("a ",1900000),
  "entities":rep("&lt;",1000000),"pre":"<pre>"+rep("`````\n",600000), "spandepth":rep("<span>",500)+rep("<i>x</i>",50000),
  "bi":rep("<b><i>a</b>",100000), "attrs":"<p "+rep("a=b ",1000000)+">x", "h":rep("<h1>x</h1>",60000),"fmt":rep("<b>a<p>",3000),
 }{
  if len(in)>4<<20 {in=in[:4<<20]}
  var a,b runtime.MemStats; runtime.ReadMemStats(&a); st:=time.Now()
  out,err:=toMarkdown([]byte(in)); runtime.ReadMemStats(&b)
  t.Log(name,len(in),"->",len(out),err,time.Since(st),(b.TotalAlloc-a.TotalAlloc)>>20,"MiB")
 }
}
