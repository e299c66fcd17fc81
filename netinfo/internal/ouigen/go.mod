// A module of its own, so that the program's module graph has no packet
// capture library in it.
module github.com/sipdoctor/sipdoctor/netinfo/internal/ouigen

go 1.26

require github.com/gopacket/gopacket v1.7.7
