package reports

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"slices"
	"time"

	"github.com/sipdoctor/sipdoctor/platform"
)

// MaxWaiting is how many reports an office keeps for a responder that does not take
// them: six hours of one every 15 minutes.
const MaxWaiting = 24

// Queue holds the reports of an office that its responder has not taken yet, the
// oldest first. Its methods are called one at a time.
type Queue struct {
	dir, file string // dir "": in memory only
	list      [][]byte
	onDisk    bool
	overtaken bool // a report that is newer than all of list was taken
}

// OpenQueue takes up what an earlier run could not send. dir "" keeps nothing beyond
// this run. A file that cannot be read is an error beside an empty queue that works.
func OpenQueue(dir, site string) (*Queue, error) {
	q := &Queue{dir: dir, file: "unsent-" + site + ".json"}
	if dir == "" {
		return q, nil
	}
	raw, err := platform.ReadKept(dir, q.file)
	if errors.Is(err, fs.ErrNotExist) {
		return q, nil
	}
	q.onDisk = true
	if err == nil {
		err = json.Unmarshal(raw, &q.list)
	}
	if err != nil {
		q.list = nil
	}
	q.bound()
	return q, err
}

// Add puts a report that Pack made behind the others. Beyond MaxWaiting the oldest
// is dropped; dropped is how many were.
func (q *Queue) Add(body []byte) (dropped int) {
	q.list, q.overtaken = append(q.list, body), false
	return q.bound()
}

func (q *Queue) bound() (dropped int) {
	dropped = max(0, len(q.list)-MaxWaiting)
	q.list = slices.Clone(q.list[dropped:])
	return dropped
}

// Len is how many reports wait.
func (q *Queue) Len() int { return len(q.list) }

// Save keeps what waits for the next run, and forgets what does not any more.
func (q *Queue) Save() error {
	switch {
	case q.dir == "":
		return nil
	case len(q.list) == 0 && q.onDisk:
		q.onDisk = false
		return platform.DropKept(q.dir, q.file)
	case len(q.list) == 0:
		return nil
	}
	raw, err := json.Marshal(q.list)
	if err != nil {
		return err
	}
	q.onDisk = true
	return platform.Keep(q.dir, q.file, raw)
}

// Outcome is what became of the reports that waited.
type Outcome struct {
	Sent    int
	Refused int    // dropped, because no responder would take them
	Code    Code   // why one was not taken; "" where Err says it, or all were
	Err     error  // what the network did
	Other   *Other // another agent that reports for the site
}

// Delivered reports that nothing is left and nothing was refused.
func (o *Outcome) Delivered() bool { return o.Code == "" && o.Err == nil }

// maxRetries is how often a report is offered with a new nonce at once: the nonce was
// lost on a slow line, or the responder was started again in between.
const maxRetries = 2

// Drain offers the reports to a responder, the oldest first, until ctx ends or one is
// not taken. push is an Office's.
func (q *Queue) Drain(ctx context.Context, push func(ctx context.Context, body []byte, later int) (Answer, error)) (out Outcome) {
	refused := Code("")
	for retries := 0; len(q.list) > 0; {
		a, err := push(ctx, q.list[0], q.newer())
		out.Code, out.Err = a.Code, err
		if a.Other != nil {
			out.Other = a.Other
		}
		switch {
		case err != nil:
			return out
		case a.Code == "", a.Code.Hopeless():
			q.list = slices.Delete(q.list, 0, 1)
			retries = 0
			if a.Code == "" {
				out.Sent++
			} else {
				out.Refused, refused = out.Refused+1, a.Code
			}
		case a.Code == TooSoon && sleep(ctx, time.Duration(max(a.RetryAfterS, 1))*time.Second):
		case (a.Code == StaleNonce || a.Code == Replayed) && retries < maxRetries:
			retries++
		default:
			q.offerNewest(ctx, &out, push)
			return out
		}
	}
	out.Code = refused
	return out
}

// newer is how many reports there are that are newer than the oldest that waits.
func (q *Queue) newer() int {
	n := len(q.list) - 1
	if q.overtaken {
		n++
	}
	return n
}

// offerNewest shows the newest report to a responder that has not taken the oldest
// for a reason that is about it or the disk: what is shown of the site is then fresh.
func (q *Queue) offerNewest(ctx context.Context, out *Outcome, push func(context.Context, []byte, int) (Answer, error)) {
	last := len(q.list) - 1
	if last == 0 || q.overtaken || out.Code != NotStored && out.Code != NewerVersion || !sleep(ctx, MinInterval) {
		return
	}
	if a, err := push(ctx, q.list[last], 0); err == nil && a.Code == "" {
		q.list, q.overtaken = slices.Delete(q.list, last, last+1), true
		out.Sent++
	}
}

// sleep reports whether ctx let it.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
