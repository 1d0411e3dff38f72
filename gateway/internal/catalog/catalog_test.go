package catalog

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// forge are the tools of a code host, as an import of its API names them.
func forge() []Entry {
	arguments := func(names ...string) []Argument {
		var all []Argument
		for _, name := range names {
			all = append(all, Argument{Name: name})
		}
		return all
	}
	tools := [][3]string{ // name, description, tags
		{"issues_create", "Create an issue. Any user with pull access to a repository can create an issue.", "issues"},
		{"issues_list_for_repo", "List issues in a repository. Only open issues will be listed.", "issues"},
		{"issues_list_for_authenticated_user", "List issues across owned and member repositories assigned to the authenticated user.", "issues"},
		{"issues_update", "Update an issue. Issue owners and users with push access can edit an issue.", "issues"},
		{"issues_get", "Get an issue.", "issues"},
		{"issues_lock", "Lock an issue. Users with push access can lock an issue or pull request's conversation.", "issues"},
		{"issues_add_labels", "Add labels to an issue.", "issues"},
		{"issues_remove_label", "Remove a label from an issue.", "issues"},
		{"issues_create_label", "Create a label for a repository with the given name and color.", "issues"},
		{"issues_create_comment", "Create an issue comment. This endpoint triggers notifications.", "issues"},
		{"issues_list_comments", "List issue comments, ordered by ascending ID.", "issues"},
		{"issues_add_assignees", "Add up to 10 assignees to an issue.", "issues"},
		{"issues_create_milestone", "Create a milestone.", "issues"},
		{"search_issues_and_pull_requests", "Find issues by state and keyword.", "search"},
		{"search_code", "Search for query terms inside of a file.", "search"},
		{"search_repos", "Find repositories via various criteria.", "search"},
		{"search_users", "Find users via various criteria.", "search"},
		{"pulls_list", "List pull requests in a repository.", "pulls"},
		{"pulls_create", "Create a pull request. To open a pull request you must have write access to the head branch.", "pulls"},
		{"pulls_merge", "Merge a pull request into the base branch.", "pulls"},
		{"pulls_get", "Get a pull request: lists details, including mergeability.", "pulls"},
		{"pulls_list_files", "List the files in a pull request.", "pulls"},
		{"pulls_request_reviewers", "Request reviews for a pull request from users and teams.", "pulls"},
		{"pulls_create_review", "Create a review on a pull request: approve, request changes, or comment.", "pulls"},
		{"pulls_update_branch", "Update the pull request branch with the latest upstream changes by merging HEAD.", "pulls"},
		{"repos_get", "Get a repository.", "repos"},
		{"repos_delete", "Delete a repository. Requires admin access.", "repos"},
		{"repos_create_in_org", "Create a new repository in the specified organization.", "repos"},
		{"repos_create_fork", "Create a fork for the authenticated user.", "repos"},
		{"repos_list_branches", "List branches of a repository.", "repos"},
		{"repos_rename_branch", "Rename a branch in a repository.", "repos"},
		{"repos_get_content", "Get the contents of a file or directory in a repository.", "repos"},
		{"repos_create_or_update_file_contents", "Create a new file or replace an existing file in a repository.", "repos"},
		{"repos_list_commits", "List commits, with signature verification.", "repos"},
		{"repos_compare_commits", "Compare two commits against one another.", "repos"},
		{"repos_create_release", "Create a release. Users with push access can create a release.", "repos"},
		{"repos_get_latest_release", "View the latest published full release for the repository.", "repos"},
		{"repos_list_contributors", "List contributors to the repository, sorted by commits.", "repos"},
		{"repos_add_collaborator", "Add a collaborator to a repository with a permission level.", "repos"},
		{"repos_create_webhook", "Create a repository webhook.", "repos"},
		{"repos_list_deployments", "List deployments, filtered by query parameters.", "repos"},
		{"repos_get_readme", "Get the preferred README for a repository.", "repos"},
		{"repos_update_branch_protection", "Protecting a branch requires admin or owner permissions to the repository.", "repos"},
		{"actions_list_workflow_runs", "List all workflow runs for a workflow.", "actions"},
		{"actions_re_run_workflow", "Re-run a workflow run by its id.", "actions"},
		{"actions_cancel_workflow_run", "Cancel a workflow run using its id.", "actions"},
		{"actions_download_workflow_run_logs", "Get a redirect URL to download an archive of log files for a workflow run.", "actions"},
		{"actions_create_workflow_dispatch", "Create a workflow dispatch event: manually trigger a workflow run.", "actions"},
		{"actions_create_or_update_repo_secret", "Create or update a repository secret with an encrypted value.", "actions"},
		{"actions_list_artifacts_for_repo", "List all artifacts for a repository.", "actions"},
		{"git_create_tag", "Create a tag object.", "git"},
		{"git_get_tree", "Get a tree: returns a single tree using the SHA1 value or ref name.", "git"},
		{"git_create_ref", "Create a reference for your repository.", "git"},
		{"gists_create", "Create a gist with one or more files.", "gists"},
		{"gists_list", "List the authenticated user's gists.", "gists"},
		{"gists_star", "Star a gist.", "gists"},
		{"orgs_list_members", "List organization members: all users who are members of an organization.", "orgs"},
		{"orgs_set_membership_for_user", "Set organization membership for a user: invite them or change their role.", "orgs"},
		{"teams_create", "Create a team in an organization.", "teams"},
		{"teams_list_members_in_org", "List team members, child teams included.", "teams"},
		{"users_get_authenticated", "Get the authenticated user: who is signed in.", "users"},
		{"users_get_by_username", "Get publicly available information about someone with an account.", "users"},
		{"users_list_followers_for_user", "List the people following the specified user.", "users"},
		{"activity_star_repo_for_authenticated_user", "Star a repository for the authenticated user.", "activity"},
		{"activity_list_notifications_for_authenticated_user", "List all notifications for the current user, sorted by most recently updated.", "activity"},
		{"activity_mark_notifications_as_read", "Mark all notifications as read for the current user.", "activity"},
		{"checks_list_for_ref", "List check runs for a commit ref.", "checks"},
		{"code_scanning_list_alerts_for_repo", "List code scanning alerts for the default branch.", "code-scanning"},
		{"dependabot_list_alerts_for_repo", "List Dependabot alerts for a repository: vulnerable dependencies.", "dependabot"},
		{"secret_scanning_list_alerts_for_repo", "List secret scanning alerts for a repository, newest first.", "secret-scanning"},
		{"billing_get_github_actions_billing_org", "Get the summary of the free and paid minutes used for an organization.", "billing"},
		{"licenses_get_all_commonly_used", "Get all commonly used licenses.", "licenses"},
		{"rate_limit_get", "Get rate limit status for the authenticated user.", "rate-limit"},
		{"projects_create_card", "Create a project card in a column.", "projects"},
		{"packages_delete_package_for_org", "Delete an entire package in an organization.", "packages"},
		{"migrations_start_for_org", "Start the generation of a migration archive.", "migrations"},
	}
	var all []Entry
	for i, t := range tools {
		all = append(all, Entry{ID: i, Name: t[0], Description: t[1], Tags: []string{t[2]}, Arguments: arguments("owner", "repo", "per_page", "page")})
	}
	return all
}

// large repeats the tools under other names, as many as asked for.
func large(n int) []Entry {
	base := forge()
	var all []Entry
	for i := range n {
		e := base[i%len(base)]
		e.ID = i
		if i >= len(base) {
			e.Name = fmt.Sprintf("%s_%d", e.Name, i/len(base))
		}
		all = append(all, e)
	}
	return all
}

func names(entries []Entry, hits []Hit) []string {
	out := make([]string, len(hits))
	for i, h := range hits {
		out[i] = entries[slices.IndexFunc(entries, func(e Entry) bool { return e.ID == h.ID })].Name
	}
	return out
}

// TestQuality asks as models and people do: of all questions at least nine of
// ten find the right tool among the first three.
func TestQuality(t *testing.T) {
	questions := [][2]string{
		{"create an issue", "issues_create"},
		{"open a new bug report issue", "issues_create"},
		{"comment on an issue", "issues_create_comment"},
		{"close an issue or edit it", "issues_update"},
		{"add a label to an issue", "issues_add_labels"},
		{"assign an issue to someone", "issues_add_assignees"},
		{"which issues are open in this repository", "issues_list_for_repo"},
		{"my issues", "issues_list_for_authenticated_user"},
		{"find issues by keyword", "search_issues_and_pull_requests"},
		{"search source code", "search_code"},
		{"find repositories", "search_repos"},
		{"merge a pull request", "pulls_merge"},
		{"merging PR pulls", "pulls_merge"},
		{"open pull request", "pulls_create"},
		{"list pull requests", "pulls_list"},
		{"approve a pull request", "pulls_create_review"},
		{"ask teammates to review", "pulls_request_reviewers"},
		{"changed files of a pull request", "pulls_list_files"},
		{"read a file from the repo", "repos_get_content"},
		{"write a file to a repository", "repos_create_or_update_file_contents"},
		{"show the readme", "repos_get_readme"},
		{"fork a repository", "repos_create_fork"},
		{"delete repository", "repos_delete"},
		{"latest release", "repos_get_latest_release"},
		{"publish a release", "repos_create_release"},
		{"commit history", "repos_list_commits"},
		{"diff between two commits", "repos_compare_commits"},
		{"protect the main branch", "repos_update_branch_protection"},
		{"list branches", "repos_list_branches"},
		{"rerun failed workflow", "actions_re_run_workflow"},
		{"trigger a workflow", "actions_create_workflow_dispatch"},
		{"download build logs", "actions_download_workflow_run_logs"},
		{"stop a running workflow", "actions_cancel_workflow_run"},
		{"store a secret", "actions_create_or_update_repo_secret"},
		{"who am I signed in as", "users_get_authenticated"},
		{"vulnerable dependencies", "dependabot_list_alerts_for_repo"},
		{"members of an organization", "orgs_list_members"},
		{"unread notifications", "activity_list_notifications_for_authenticated_user"},
		{"listIssuesForRepo", "issues_list_for_repo"},
		{"gists-star", "gists_star"},
		{"add webhook", "repos_create_webhook"},
		{"who follows this user", "users_list_followers_for_user"},
	}
	entries := forge()
	x := New(entries)
	missed := 0
	for _, q := range questions {
		if got := names(entries, x.Search(q[0], 3, nil)); !slices.Contains(got, q[1]) {
			missed++
			t.Logf("%q: %v, not %s", q[0], got, q[1])
		}
	}
	if missed*10 > len(questions) {
		t.Errorf("%d of %d questions missed their tool", missed, len(questions))
	}
}

// TestEveryday asks a catalog with many tools beside the one that is meant: it
// is among the first five in other words than its own, too.
func TestEveryday(t *testing.T) {
	entries := forge()
	for _, tool := range [][2]string{
		{"issues_create_milestone", "Create a milestone for issues that are open."},
		{"issues_create_label", "Create a label for issues in a repository."},
		{"issues_lock", "Lock an issue whose conversation is open no more."},
		{"reactions_create_for_issue", "Create a reaction to an issue."},
		{"reactions_create_for_pull_request_review_comment", "Create a reaction to a pull request review comment. Add it to a PR."},
		{"reactions_delete_for_pull_request_comment", "Delete a reaction to a pull request comment."},
		{"pulls_create_review_comment", "Create a review comment for a pull request."},
		{"repos_list_for_authenticated_user", "List repositories that the authenticated user may access."},
		{"orgs_list_attestation_repositories", "List repositories of attestations."},
		{"activity_list_stargazers_for_repo", "List the people that have starred the repository."},
		{"activity_list_repos_starred_by_user", "List repositories that a user has starred."},
		{"activity_list_watchers_for_repo", "List the people watching the specified repository."},
	} {
		entries = append(entries, Entry{ID: len(entries), Name: tool[0], Description: tool[1]})
	}
	x := New(entries)
	for query, want := range map[string]string{
		"open an issue":         "issues_create",
		"new issue":             "issues_create",
		"add a comment to a PR": "pulls_create_review_comment",
		"list my repositories":  "repos_list_for_authenticated_user",
		"who starred this repo": "activity_list_stargazers_for_repo",
		"list PRs":              "pulls_list",
		"list my repos":         "repos_list_for_authenticated_user",
		"remove a repository":   "repos_delete",
		"change an issue":       "issues_update",
	} {
		if got := names(entries, x.Search(query, 5, nil)); !slices.Contains(got, want) {
			t.Errorf("%q: %v, not %s", query, got, want)
		}
	}
	if got := names(entries, x.Search("open an issue", 1, nil)); got[0] != "issues_create" {
		t.Errorf("first is %s", got[0])
	}
}

func TestSearch(t *testing.T) {
	entries := []Entry{
		{ID: 4, Name: "getUser", Description: "Get a user."},
		{ID: 3, Name: "get_users", Description: "List users."},
		{ID: 7, Name: "delete_user", Description: "Delete a user.", Tags: []string{"danger"}},
		{ID: 1, Name: "report", Title: "Sales report", Description: "Umsätze je Quartal", Arguments: []Argument{{"region", "Where, e.g. Österreich"}}},
		{ID: 9, Name: "kensaku", Description: "顧客を検索する"},
	}
	x := New(entries)
	tests := []struct {
		name, query string
		limit       int
		want        string
	}{
		{"the name itself", "get_user", 1, "getUser"},
		{"the name in another style", "GET-USERS", 1, "get_users"},
		{"the beginning of a name", "del", 0, "delete_user"},
		{"two words of a name as one", "getusers", 1, "get_users"},
		{"the title", "sales", 0, "report"},
		{"a description in another case", "UMSÄTZE", 0, "report"},
		{"an argument", "österreich", 0, "report"},
		{"a tag", "danger", 0, "delete_user"},
		{"a script without spaces", "検索", 0, "kensaku"},
		{"nothing like it", "zebra", 0, ""},
		{"no query", "", 0, "delete_user getUser get_users kensaku report"},
		{"no words", "***", 2, "delete_user getUser"},
		{"only words that fill", "the of", 0, ""},
		{"at most so many", "user", 2, "get_users delete_user"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := strings.Join(names(entries, x.Search(test.query, test.limit, nil)), " "); got != test.want {
				t.Errorf("%q found %q, want %q", test.query, got, test.want)
			}
		})
	}
}

func TestStem(t *testing.T) {
	for word, want := range map[string]string{
		"creates": "creat", "created": "creat", "creating": "creat", "create": "creat",
		"queries": "query", "copied": "copy", "branches": "branch", "boxes": "box", "addresses": "address",
		"issues": "issu", "issue": "issu", "releases": "releas", "statuses": "status", "status": "status",
		"shipping": "ship", "billing": "bill", "listed": "list", "getting": "get", "get": "get",
		"string": "string", "thing": "thing", "speed": "speed", "feed": "feed", "analysis": "analysis",
		"case": "case", "cases": "case", "id": "id", "added": "add", "users": "user", "müssen": "müssen",
	} {
		if got := stem(word); got != want {
			t.Errorf("stem of %s is %s, want %s", word, got, want)
		}
	}
}

func TestSplit(t *testing.T) {
	for text, want := range map[string]string{
		"get_user-by.ID":     "get user by id",
		"listHTTPServersNow": "list http servers now",
		"oauth2Token":        "oauth 2 token",
		"ÄndereKunden":       "ändere kunden",
		"e\u0301te\u0301":    "e\u0301te\u0301",
		"GETUser":            "get user",
		"  \x00\t":           "",
		"API":                "api",
		"IDs":                "ids",
		"listPRsNow":         "list prs now",
		"listASet":           "list a set",
		"顧客ID":               "顧 客 id",
	} {
		if got := strings.Join(split(text), " "); got != want {
			t.Errorf("%q is %q, want %q", text, got, want)
		}
	}
}

// TestHidden searches a catalog of which some is hidden, and one of only what
// can be seen: they answer alike.
func TestHidden(t *testing.T) {
	words := []string{"get", "list", "create", "user", "users", "order", "orders", "report", "sales", "delete", "ordering"}
	rapid.Check(t, func(t *rapid.T) {
		var all, seen []Entry
		visible := make(map[int]bool)
		for i := range rapid.IntRange(0, 12).Draw(t, "tools") {
			text := func(label string) string {
				return strings.Join(rapid.SliceOfN(rapid.SampledFrom(words), 1, 4).Draw(t, label), "_")
			}
			e := Entry{ID: i, Name: text("name") + fmt.Sprint(i), Description: text("description"), Tags: []string{text("tag")}}
			all = append(all, e)
			if visible[i] = rapid.Bool().Draw(t, "visible"); visible[i] {
				seen = append(seen, e)
			}
		}
		query := strings.Join(rapid.SliceOfN(rapid.SampledFrom(words), 0, 3).Draw(t, "query"), " ")
		limit := rapid.IntRange(0, 4).Draw(t, "limit")
		got := New(all).Search(query, limit, func(id int) bool { return visible[id] })
		if want := New(seen).Search(query, limit, nil); !slices.Equal(got, want) {
			t.Fatalf("%q: %v, want %v", query, got, want)
		}
	})
}

// TestBounds shows that what is beyond the bounds of a query is not looked at.
func TestBounds(t *testing.T) {
	x := New([]Entry{{ID: 1, Name: "needle"}})
	if got := x.Search(strings.Repeat("é ", MaxQueryBytes)+"needle", 0, nil); len(got) != 0 {
		t.Errorf("found behind %d bytes: %v", MaxQueryBytes, got)
	}
	if got := x.Search(strings.Repeat("x ", MaxQueryTerms)+"needle", 0, nil); len(got) != 0 {
		t.Errorf("found behind %d words: %v", MaxQueryTerms, got)
	}
	if got := x.Search(strings.Repeat("x ", MaxQueryTerms-1)+"needle", 0, nil); len(got) != 1 {
		t.Errorf("not found as the last word: %v", got)
	}
}

// TestAtOnce searches from many sides: each search answers as if it were alone.
func TestAtOnce(t *testing.T) {
	entries := large(300)
	x := New(entries)
	queries := []string{"create issue", "merge", "", "list repo"}
	var want [][]Hit
	for _, q := range queries {
		want = append(want, x.Search(q, 10, nil))
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 50 {
				i := rand.IntN(len(queries))
				if got := x.Search(queries[i], 10, nil); !slices.Equal(got, want[i]) {
					t.Errorf("%q: %v, want %v", queries[i], got, want[i])
				}
			}
		})
	}
	wg.Wait()
}

// TestSpeed holds the times that callers count on, with much room for slow
// machines.
func TestSpeed(t *testing.T) {
	entries := large(1100)
	began := time.Now()
	x := New(entries)
	if took := time.Since(began); took > 500*time.Millisecond {
		t.Errorf("indexing took %s", took)
	}
	if allocs := testing.AllocsPerRun(20, func() { x.Search("create an issue for a repository", 10, nil) }); allocs > 60 {
		t.Errorf("a search allocates %v times", allocs)
	}
}

func FuzzSearch(f *testing.F) {
	x := New(forge())
	for _, seed := range []string{"", "create issue", "listHTTPServers", "\xff\xfe", "検索 e\u0301", strings.Repeat("a", 2000)} {
		f.Add(seed, 3)
	}
	f.Fuzz(func(t *testing.T, query string, limit int) {
		first := x.Search(query, limit, func(id int) bool { return id%2 == 0 })
		if limit > 0 && len(first) > limit {
			t.Fatalf("%d hits, more than %d", len(first), limit)
		}
		seen := make(map[int]bool)
		for i, h := range first {
			if h.ID%2 != 0 || seen[h.ID] || h.Score < 0 || (i > 0 && h.Score > first[i-1].Score) {
				t.Fatalf("hit %d of %v", i, first)
			}
			seen[h.ID] = true
		}
		if again := x.Search(query, limit, func(id int) bool { return id%2 == 0 }); !slices.Equal(first, again) {
			t.Fatalf("%v, and then %v", first, again)
		}
	})
}

func BenchmarkNew(b *testing.B) {
	entries := large(1100)
	for b.Loop() {
		New(entries)
	}
}

func BenchmarkSearch(b *testing.B) {
	x := New(large(1100))
	for b.Loop() {
		x.Search("create an issue for a repository", 10, nil)
	}
}
