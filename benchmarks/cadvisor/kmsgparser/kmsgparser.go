// Package kmsgparser stands in for github.com/euank/go-kmsg-parser, which reads /dev/kmsg alone: the same interface over
// the log file that is the program's argument.  What is before a line's message is cut off and not looked at, which is
// less work than the original does for a record.
package kmsgparser

import (
	"bufio"
	"os"
	"strings"
	"time"
)

const (
	blockBytes   = 1 << 20
	afterStamp   = "] "
	waitingLines = 1 // as many as the original lets wait
)

// Logger is what a Parser complains to.
type Logger interface {
	Warningf(format string, args ...interface{})
	Infof(format string, args ...interface{})
	Errorf(format string, args ...interface{})
}

// Message is one message of the kernel.
type Message struct {
	Priority       int
	SequenceNumber int
	Timestamp      time.Time
	Message        string
}

// Parser gives the messages of a log.
type Parser interface {
	SeekEnd() error
	Parse() <-chan Message
	SetLogger(Logger)
	Close() error
}

type parser struct {
	file *os.File
}

// NewParser opens the log.
func NewParser() (Parser, error) {
	file, err := os.Open(os.Args[1])
	if err != nil {
		return nil, err
	}
	return &parser{file}, nil
}

func (p *parser) SeekEnd() error   { return nil }
func (p *parser) SetLogger(Logger) {}
func (p *parser) Close() error     { return p.file.Close() }

func (p *parser) Parse() <-chan Message {
	messages := make(chan Message, waitingLines)
	go func() {
		defer close(messages)
		lines := bufio.NewScanner(p.file)
		lines.Buffer(make([]byte, blockBytes), blockBytes)
		for number := 1; lines.Scan(); number++ {
			text := lines.Text()
			if at := strings.Index(text, afterStamp); at >= 0 {
				text = text[at+len(afterStamp):]
			}
			messages <- Message{SequenceNumber: number, Message: text}
		}
	}()
	return messages
}
