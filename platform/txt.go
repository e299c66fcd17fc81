package platform

import "context"

// LookupTXT asks DNS the way every program of this machine does.
func (r *realNetwork) LookupTXT(ctx context.Context, name string) ([]string, error) {
	texts, err := twice(ctx, secondQuestion, func(ctx context.Context) ([]string, error) {
		return r.resolver().LookupTXT(ctx, name)
	})
	if err != nil {
		return nil, r.lookupFailed("TXT "+name, err)
	}
	return texts, nil
}
