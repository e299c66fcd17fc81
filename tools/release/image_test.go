package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Both kinds of tool read the image, and what they read is the same.
func TestTheImageIsOneForOCIAndDocker(t *testing.T) {
	image := publishedFile(t, ".image.tar")
	needs(t, "skopeo")
	dir := t.TempDir()
	plain := filepath.Join(dir, "image.tar") // skopeo takes a colon or a plus for its own
	if err := os.Symlink(image, plain); err != nil {
		t.Fatal(err)
	}
	var configs []string
	for _, form := range []string{"oci-archive", "docker-archive"} {
		config := output(t, "skopeo", "inspect", "--config", form+":"+plain)
		configs = append(configs, config)
		for _, want := range []string{`"User": "65532:65532"`, `"/sipdoctor"`, `"serve"`, `"/var/lib/sipdoctor": {}`, `"org.opencontainers.image.licenses": "Apache-2.0"`} {
			if !strings.Contains(config, want) {
				t.Errorf("%s lacks %s in\n%s", form, want, config)
			}
		}
		output(t, "skopeo", "--insecure-policy", "copy", form+":"+plain, "dir:"+filepath.Join(dir, form)) // checks every digest
	}
	if configs[0] != configs[1] {
		t.Errorf("they differ:\n%s\n%s", configs[0], configs[1])
	}
}

// As its own user, with nothing but the files of the image, the responder serves,
// keeps its identity, and is checked.
func TestTheImageServes(t *testing.T) {
	image := publishedFile(t, ".image.tar")
	needs(t, "tar", "unshare", "ip", "chroot")
	if os.Geteuid() != 0 {
		missing(t, "a container's user is made by root")
	}
	dir := t.TempDir()
	if err := os.Chmod(filepath.Dir(dir), 0o755); err != nil { // for the container's user
		t.Fatal(err)
	}
	output(t, "tar", "-xf", image, "-C", dir)
	blobs, _ := filepath.Glob(filepath.Join(dir, "blobs", "sha256", "*"))
	root := filepath.Join(dir, "root")
	if err := os.Mkdir(root, 0o755); err != nil {
		t.Fatal(err)
	}
	largest, size := "", int64(0)
	for _, b := range blobs {
		if info, err := os.Stat(b); err == nil && info.Size() > size {
			largest, size = b, info.Size()
		}
	}
	output(t, "tar", "-xf", largest, "-C", root)
	out := output(t, "sh", "testdata/container.sh", root)
	for _, want := range []string{"identity.pem", "kept in /var/lib/sipdoctor", "TLS 5061 clean"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
}

// An engine chooses by processor and its variant: an ARMv5 must not be handed
// what only an ARMv7 runs.
func TestAnImageSaysWhichProcessorItIsFor(t *testing.T) {
	r := release{version: version{number: "1.2.3", at: time.Unix(0, 0)}}
	for name, want := range map[string][2]string{"linux_amd64": {"amd64", ""}, "linux_armv5": {"arm", "v5"}, "linux_armv7": {"arm", "v7"}, "linux_arm64": {"arm64", "v8"}} {
		list, err := chosen(name)
		if err != nil || len(list) != 1 || !list[0].image {
			t.Fatalf("%s: %v, %v", name, list, err)
		}
		c := r.imageConfig(list[0], nil)
		variant, _ := c["variant"].(string)
		if got := [2]string{c["architecture"].(string), variant}; got != want {
			t.Errorf("%s is %q", name, got)
		}
	}
}
