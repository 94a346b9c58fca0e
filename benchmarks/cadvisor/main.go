// Runs cadvisor's oomparser, unchanged, over a log: prints how many OOM kills it told.
//
// benchmarks/cadvisor/build makes it from a checkout of cadvisor that the caller has.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"

	"github.com/google/cadvisor/utils/oomparser"
	"k8s.io/klog/v2"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: cadvisor-oomparser LOG")
		os.Exit(2)
	}
	flags := flag.NewFlagSet("klog", flag.ExitOnError)
	klog.InitFlags(flags)
	flags.Set("logtostderr", "false")
	flags.Set("stderrthreshold", "FATAL") // it complains that the log has an end
	klog.SetOutput(io.Discard)
	parser, err := oomparser.New()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	kills := make(chan *oomparser.OomInstance, 10)
	go func() {
		parser.StreamOoms(kills)
		close(kills)
	}()
	count := 0
	for kill := range kills {
		if kill.Pid != 0 && kill.ProcessName != "" {
			count++
		}
	}
	fmt.Println(count)
}
