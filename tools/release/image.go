package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"strings"
	"time"
)

// nobody is the user and group that the program is in a container: no one else's
// in the usual images, where it is "nonroot".
const nobody = 65532

// stateDir is where a container keeps the responder's identity; a volume.
const stateDir = "/var/lib/sipdoctor"

// image writes a container image for t, one for each processor: RouterOS cannot
// read a file with several. It is an OCI image layout and, for "docker load" and
// RouterOS, a manifest of Docker's beside it, over the same blobs; nothing is
// compressed.
func (r *release) image(t target) error {
	if !t.image {
		return nil
	}
	program, err := os.ReadFile(r.program(t))
	if err != nil {
		return err
	}
	notices, err := os.ReadFile(r.noticesFile())
	if err != nil {
		return err
	}
	layer, err := tarred([]entry{
		{name: "sipdoctor", mode: 0o755, content: program},
		{name: "licenses/", mode: os.ModeDir | 0o755},
		{name: "licenses/THIRD-PARTY-NOTICES.txt", mode: 0o644, content: notices},
		{name: "tmp/", mode: os.ModeDir | os.ModeSticky | 0o777},
		{name: "var/", mode: os.ModeDir | 0o755},
		{name: "var/lib/", mode: os.ModeDir | 0o755},
		{name: stateDir[1:] + "/", mode: os.ModeDir | 0o700, owner: nobody},
	}, r.at)
	if err != nil {
		return err
	}
	raw, err := imageTar(r.imageConfig(t, layer), layer, "sipdoctor:"+strings.ReplaceAll(r.number, "+", "-"), t, r.at)
	if err != nil {
		return err
	}
	return os.WriteFile(r.file(t.name(), "image.tar"), raw, 0o644)
}

type object = map[string]any

// platform is how an image names its processor.
func (t target) platform() object {
	p := object{"architecture": t.arch, "os": t.os}
	if t.arm != "" {
		p["variant"] = "v" + t.arm
	}
	if t.arch == "arm64" {
		p["variant"] = "v8"
	}
	return p
}

// imageConfig says how the program is started.
func (r *release) imageConfig(t target, layer []byte) object {
	c := t.platform()
	c["created"] = r.at.Format(time.RFC3339)
	c["config"] = object{
		"User":         "65532:65532",
		"Env":          []string{"STATE_DIRECTORY=" + stateDir},
		"Entrypoint":   []string{"/sipdoctor"},
		"Cmd":          []string{"serve"},
		"WorkingDir":   "/",
		"Volumes":      object{stateDir: object{}},
		"ExposedPorts": object{"8765/tcp": object{}, "8765/udp": object{}, "5060/tcp": object{}, "5060/udp": object{}, "5061/tcp": object{}},
		"Labels": object{
			"org.opencontainers.image.title":       "sipdoctor",
			"org.opencontainers.image.description": "Finds what stands between phones and their PBX, and how to fix it",
			"org.opencontainers.image.version":     r.number,
			"org.opencontainers.image.revision":    r.commit,
			"org.opencontainers.image.licenses":    "Apache-2.0",
			"org.opencontainers.image.source":      "https://github.com/sipdoctor/sipdoctor",
		},
	}
	c["rootfs"] = object{"type": "layers", "diff_ids": []string{digest(layer)}}
	c["history"] = []object{{"created": r.at.Format(time.RFC3339), "comment": "sipdoctor " + r.number}}
	return c
}

func digest(raw []byte) string {
	sum := sha256.Sum256(raw)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// imageTar is a file with one image of one layer, in both forms.
func imageTar(config object, layer []byte, name string, t target, at time.Time) ([]byte, error) {
	configRaw, err := json.Marshal(config)
	if err != nil {
		return nil, err
	}
	describe := func(kind string, raw []byte) object {
		return object{"mediaType": "application/vnd.oci.image." + kind, "digest": digest(raw), "size": len(raw)}
	}
	manifest, err := json.Marshal(object{
		"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
		"config": describe("config.v1+json", configRaw), "layers": []object{describe("layer.v1.tar", layer)},
	})
	if err != nil {
		return nil, err
	}
	_, tag, _ := strings.Cut(name, ":")
	found := describe("manifest.v1+json", manifest)
	found["platform"] = t.platform()
	found["annotations"] = object{"org.opencontainers.image.ref.name": tag}
	index := object{"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": []object{found}}
	blob := func(raw []byte) string { return "blobs/sha256/" + strings.TrimPrefix(digest(raw), "sha256:") }
	docker := []object{{"Config": blob(configRaw), "RepoTags": []string{name}, "Layers": []string{blob(layer)}}}
	entries := []entry{{name: "blobs/", mode: os.ModeDir | 0o755}, {name: "blobs/sha256/", mode: os.ModeDir | 0o755}}
	for _, raw := range [][]byte{configRaw, layer, manifest} {
		entries = append(entries, entry{name: blob(raw), mode: 0o644, content: raw})
	}
	for _, f := range []struct {
		name string
		what any
	}{{"index.json", index}, {"manifest.json", docker}, {"oci-layout", object{"imageLayoutVersion": "1.0.0"}}} {
		raw, err := json.Marshal(f.what)
		if err != nil {
			return nil, err
		}
		entries = append(entries, entry{name: f.name, mode: 0o644, content: raw})
	}
	return tarred(entries, at)
}
