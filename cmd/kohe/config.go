package main

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	yaml "go.yaml.in/yaml/v3"
)

// Ports when none is configured.
const (
	portSecure      = "8443"
	portDevelopment = "8080"
)

// config is a node's configuration. It comes from, each over the former: the
// defaults, the file, KOHE_* variables, flags. A key of the file, a variable
// and a flag have one name: public_url, KOHE_PUBLIC_URL, --public-url.
type config struct {
	Data      string  `yaml:"data"`
	Listen    several `yaml:"listen"`
	PublicURL string  `yaml:"public_url"`
	Cert      string  `yaml:"cert"`
	Key       string  `yaml:"key"`
	Node      string  `yaml:"node"`
	Metrics   several `yaml:"metrics"`
	LogLevel  string  `yaml:"log_level"`
	LogFormat string  `yaml:"log_format"`
	Drain     string  `yaml:"drain"`
	Opens     int     `yaml:"opens_per_minute"`
	Links     int     `yaml:"links_per_address"`
}

func defaults() config {
	return config{Data: "./data", Node: "node-1", LogLevel: "info", LogFormat: "text", Drain: "5s", Opens: 30, Links: 2000}
}

// flags adds the configuration's flags to a command; c is filled in by load.
func (c *config) flags(f *pflag.FlagSet) {
	f.String("config", "", "configuration file (YAML)")
	f.StringVar(&c.Data, "data", c.Data, "folder that holds everything the node keeps")
	f.StringSliceVar((*[]string)(&c.Listen), "listen", c.Listen, "host:port or port, UDP and TCP alike (default: "+portSecure+" on every address with a certificate, else "+portDevelopment+" on loopback)")
	f.StringVar(&c.PublicURL, "public-url", c.PublicURL, "how browsers reach the node (default: http://localhost:PORT without a certificate)")
	f.StringVar(&c.Cert, "cert", c.Cert, "certificate chain, PEM; read again when it changes")
	f.StringVar(&c.Key, "key", c.Key, "the certificate's private key, PEM")
	f.StringVar(&c.Node, "node", c.Node, "this node's name")
	f.StringSliceVar((*[]string)(&c.Metrics), "metrics", c.Metrics, "networks that may read /metrics and /debug/pprof besides loopback (CIDR)")
	f.StringVar(&c.LogLevel, "log-level", c.LogLevel, "debug, info, warn or error")
	f.StringVar(&c.LogFormat, "log-format", c.LogFormat, "text or json")
	f.StringVar(&c.Drain, "drain", c.Drain, "how long SIGTERM spreads the clients' leaving over")
	f.IntVar(&c.Opens, "opens-per-minute", c.Opens, "sessions and messages left that one address may start a minute")
	f.IntVar(&c.Links, "links-per-address", c.Links, "connections that one address may hold")
}

// load fills c in the order that config's comment gives and checks it.
func (c *config) load(cmd *cobra.Command) error {
	given := make(map[*pflag.Flag]string)
	cmd.Flags().Visit(func(f *pflag.Flag) { given[f] = f.Value.String() })
	path, _ := cmd.Flags().GetString("config")
	if path == "" {
		path = os.Getenv("KOHE_CONFIG")
	}
	*c = defaults()
	if path != "" {
		if err := c.read(path); err != nil {
			return err
		}
	}
	var errs []error
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if f.Name == "config" || f.Name == "help" {
			return
		}
		name := "KOHE_" + strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_"))
		text, fromEnv := os.LookupEnv(name)
		if _, ok := given[f]; ok {
			text = given[f]
		} else if !fromEnv {
			return
		}
		if err := set(f, text); err != nil {
			errs = append(errs, fmt.Errorf("%s %q: %s", name, text, wanted(f, err)))
		}
	})
	for _, name := range c.strangers(cmd.Flags()) {
		fmt.Fprintf(cmd.ErrOrStderr(), "kohe: %s is not a setting of Kohe\n", name)
	}
	if len(errs) > 0 {
		return errors.Join(errs...)
	}
	return c.check()
}

func set(f *pflag.Flag, text string) error {
	list, ok := f.Value.(pflag.SliceValue)
	if !ok {
		return f.Value.Set(text)
	}
	text = strings.Trim(text, "[]")
	if text == "" {
		return list.Replace(nil)
	}
	return list.Replace(strings.Split(text, ","))
}

// strangers returns the KOHE_* variables that are no setting. They may be
// somebody else's: container platforms make such names too.
func (c *config) strangers(f *pflag.FlagSet) (names []string) {
	for _, entry := range os.Environ() {
		name, _, _ := strings.Cut(entry, "=")
		setting, ok := strings.CutPrefix(name, "KOHE_")
		if ok && f.Lookup(strings.ToLower(strings.ReplaceAll(setting, "_", "-"))) == nil {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// check says everything that is wrong at once.
func (c *config) check() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if (c.Cert == "") != (c.Key == "") {
		bad("cert and key go together; only one is set")
	} else if c.secure() {
		if _, err := tls.LoadX509KeyPair(c.Cert, c.Key); err != nil {
			bad("cert and key: %w", err)
		}
	}
	if c.Data == "" {
		bad("data: want a folder, such as ./data")
	}
	if len(c.Listen) == 0 {
		c.Listen = []string{portDevelopment}
		if c.secure() {
			c.Listen = []string{portSecure}
		}
	}
	for _, l := range c.Listen {
		if err := c.checkListen(l); err != nil {
			bad("listen %q: %w", l, err)
		}
	}
	if c.PublicURL != "" {
		u, err := url.Parse(c.PublicURL)
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || strings.Trim(u.Path, "/") != "" {
			bad("public_url %q: want https://host or https://host:port", c.PublicURL)
		}
		c.PublicURL = strings.TrimRight(c.PublicURL, "/")
	}
	for _, m := range c.Metrics {
		if _, err := netip.ParsePrefix(m); err != nil {
			bad("metrics %q: want a network such as 10.0.0.0/8", m)
		}
	}
	if _, err := c.level(); err != nil {
		bad("log_level %q: want debug, info, warn or error", c.LogLevel)
	}
	if c.LogFormat != "text" && c.LogFormat != "json" {
		bad("log_format %q: want text or json", c.LogFormat)
	}
	if d, err := time.ParseDuration(c.Drain); err != nil || d < 0 || d > 10*time.Minute {
		bad("drain %q: want a time such as 5s, at most 10m", c.Drain)
	}
	if c.Opens < 1 || c.Links < 1 {
		bad("opens_per_minute and links_per_address must be at least 1")
	}
	if c.Node == "" || strings.ContainsAny(c.Node, " /\t\n") || len(c.Node) > 60 {
		bad("node %q: want a name of at most 60 characters without spaces and slashes", c.Node)
	}
	return errors.Join(errs...)
}

func (c *config) checkListen(l string) error {
	host, port := splitListen(l)
	if n, err := strconv.Atoi(port); err != nil || n < 0 || n > 65535 {
		return errors.New("want a port from 1 to 65535, or host:port")
	}
	if addr, err := netip.ParseAddr(host); host != "" && host != "localhost" && err != nil {
		return errors.New("want an IP address or localhost before the port")
	} else if !c.secure() && host != "" && host != "localhost" && !addr.IsLoopback() {
		return errors.New("without a certificate a node listens on loopback only; set cert and key")
	}
	return nil
}

// splitListen takes "8443", ":8443" or "host:8443" apart.
func splitListen(l string) (host, port string) {
	if host, port, err := net.SplitHostPort(l); err == nil {
		return host, port
	}
	return "", l
}

// public returns how browsers reach a node that listens on a port.
func (c *config) public(port string) string {
	if c.PublicURL != "" {
		return c.PublicURL
	}
	scheme, host := "http", "localhost"
	if c.secure() {
		scheme = "https"
		if h, _ := splitListen(c.Listen[0]); h != "" {
			host = h
		}
	}
	return scheme + "://" + net.JoinHostPort(host, port)
}

func (c *config) secure() bool { return c.Cert != "" }

func (c *config) level() (slog.Level, error) {
	var l slog.Level
	return l, l.UnmarshalText([]byte(c.LogLevel))
}

// addresses returns the host:port pairs to bind. A development node binds both
// loopback addresses, since browsers try ::1 first for localhost.
func (c *config) addresses() []string {
	var list []string
	for _, l := range c.Listen {
		host, port := splitListen(l)
		if !c.secure() && (host == "" || host == "localhost") {
			list = append(list, net.JoinHostPort("127.0.0.1", port), net.JoinHostPort("::1", port))
		} else {
			list = append(list, net.JoinHostPort(host, port))
		}
	}
	return list
}

func (c *config) logger(w io.Writer) *slog.Logger {
	level, _ := c.level() // checked
	options := &slog.HandlerOptions{Level: level}
	if c.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(w, options))
	}
	return slog.New(slog.NewTextHandler(w, options))
}

func configCommand() *cobra.Command {
	c := &cobra.Command{Use: "config", Short: "Look at the configuration"}
	var cfg config
	check := &cobra.Command{
		Use: "check", Short: "Check the configuration and print it as it would be used", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := cfg.load(cmd); err != nil {
				return err
			}
			_, port := splitListen(cfg.Listen[0])
			cfg.PublicURL = cfg.public(port)
			return yaml.NewEncoder(cmd.OutOrStdout()).Encode(cfg)
		},
	}
	cfg = defaults()
	cfg.flags(check.Flags())
	c.AddCommand(check)
	return c
}
