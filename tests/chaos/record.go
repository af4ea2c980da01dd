package main

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
)

// identity says which record a value is: the producer's nth for its place.
type identity struct {
	producer uint16
	n        uint32
}

// A value is: magic (2 bytes), producer (2), place (2), n (4), payload, and the CRC-32 of all of that (4); big endian.
const (
	magic      = 0x4f74
	headerSize = 10
	crcSize    = 4
)

// encode makes the value of a record, with a payload of random length: mostly small, sometimes far above a batch.
func encode(id identity, place int, random *rand.Rand) []byte {
	size := 20 + random.IntN(200)
	switch dice := random.IntN(1000); {
	case dice < 2:
		size = 10_000 + random.IntN(40_000)
	case dice < 60:
		size = 1_000 + random.IntN(3_000)
	}
	value := make([]byte, headerSize, headerSize+size+crcSize)
	binary.BigEndian.PutUint16(value, magic)
	binary.BigEndian.PutUint16(value[2:], id.producer)
	binary.BigEndian.PutUint16(value[4:], uint16(place))
	binary.BigEndian.PutUint32(value[6:], id.n)
	// Half of it random letters: compressible, but not to nothing.
	for len(value) < headerSize+size {
		value = binary.BigEndian.AppendUint64(value, random.Uint64()&0x0f0f0f0f0f0f0f0f|0x4040404040404040)
	}
	return binary.BigEndian.AppendUint32(value, crc32.ChecksumIEEE(value))
}

// decode gives back which record a value is, and the place it was meant for.
func decode(value []byte) (identity, int, error) {
	if len(value) < headerSize+crcSize || binary.BigEndian.Uint16(value) != magic {
		return identity{}, 0, fmt.Errorf("%d bytes that no producer wrote", len(value))
	}
	content, crc := value[:len(value)-crcSize], binary.BigEndian.Uint32(value[len(value)-crcSize:])
	if found := crc32.ChecksumIEEE(content); found != crc {
		return identity{}, 0, fmt.Errorf("the checksum of %d bytes is %08x, not %08x", len(content), found, crc)
	}
	id := identity{binary.BigEndian.Uint16(value[2:]), binary.BigEndian.Uint32(value[6:])}
	return id, int(binary.BigEndian.Uint16(value[4:])), nil
}
