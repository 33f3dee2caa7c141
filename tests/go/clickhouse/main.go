// Asks a store as any user of clickhouse-go would, over HTTP with each compression, and prints what it found as JSON.
//
//	clickhouse HOST:PORT ADMIN_PASSWORD_FILE
//
// The exit code is 1 when something failed that should not, with the reason on standard error.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
)

const (
	insertedRows = 5000
	streamedRows = 300000
)

// Found is what one connection saw.
type Found struct {
	Version       string `json:"version"`
	Tasks         uint64 `json:"tasks"`
	Parameter     string `json:"parameter"`
	Inserted      uint64 `json:"inserted"`
	ReadBack      int    `json:"read_back"`
	Streamed      int    `json:"streamed"`
	UnknownTable  int32  `json:"unknown_table"`
	ReaderWrites  int32  `json:"reader_writes"`
	InTheMiddle   bool   `json:"error_in_the_middle"`
	WrongPassword int32  `json:"wrong_password"`
}

func open(address, user, password string, method clickhouse.CompressionMethod) (clickhouse.Conn, error) {
	return clickhouse.Open(&clickhouse.Options{
		Addr:        []string{address},
		Protocol:    clickhouse.HTTP,
		Auth:        clickhouse.Auth{Database: "otel", Username: user, Password: password},
		Compression: &clickhouse.Compression{Method: method, Level: 3},
		Settings:    clickhouse.Settings{"max_execution_time": 60},
		DialTimeout: 20 * time.Second,
		ReadTimeout: 60 * time.Second,
	})
}

// code is ClickHouse's number of an error, also where the driver only has its text; 0 for no error, -1 for another.
func code(err error) int32 {
	if err == nil {
		return 0
	}
	var typed *clickhouse.Exception
	if errors.As(err, &typed) {
		return typed.Code
	}
	var number int32
	if at := strings.Index(err.Error(), "Code: "); at >= 0 {
		if _, scanned := fmt.Sscanf(err.Error()[at:], "Code: %d", &number); scanned == nil {
			return number
		}
	}
	return -1
}

func ask(ctx context.Context, address, password string, method clickhouse.CompressionMethod) (Found, error) {
	var found Found
	reader, err := open(address, "default", "", method)
	if err != nil {
		return found, err
	}
	defer reader.Close()
	if err := reader.Ping(ctx); err != nil {
		return found, fmt.Errorf("ping: %w", err)
	}
	version, err := reader.ServerVersion()
	if err != nil {
		return found, fmt.Errorf("version: %w", err)
	}
	found.Version = version.Version.String()
	if err := reader.QueryRow(ctx, "SELECT count() FROM celery_tasks_latest").Scan(&found.Tasks); err != nil {
		return found, fmt.Errorf("count: %w", err)
	}
	const text = "it's 5% of 'täsk'" // a tab or a backslash would have to be escaped by the caller
	row := reader.QueryRow(ctx, "SELECT {text:String}", clickhouse.Named("text", text))
	if err := row.Scan(&found.Parameter); err != nil {
		return found, fmt.Errorf("parameter: %w", err)
	}
	if found.Streamed, err = count(ctx, reader, fmt.Sprintf("SELECT number, toString(number) FROM numbers(%d)", streamedRows)); err != nil {
		return found, fmt.Errorf("stream: %w", err)
	}
	_, err = reader.Query(ctx, "SELECT * FROM nope")
	found.UnknownTable = code(err)
	// Not by Exec: it does not ask for compressed blocks and then takes the text of an error for one.
	_, err = reader.Query(ctx, "TRUNCATE TABLE audit")
	found.ReaderWrites = code(err)
	_, err = count(ctx, reader, "SELECT throwIf(number = 900000), number FROM numbers(1000000)")
	found.InTheMiddle = err != nil

	admin, err := open(address, "admin", password, method)
	if err != nil {
		return found, err
	}
	defer admin.Close()
	if err := write(ctx, admin, &found); err != nil {
		return found, err
	}
	stranger, err := open(address, "admin", "wrong", method)
	if err != nil {
		return found, err
	}
	defer stranger.Close()
	found.WrongPassword = code(stranger.Ping(ctx))
	return found, nil
}

// write puts rows of the exporter's types into a table of its own and reads them again.
func write(ctx context.Context, admin clickhouse.Conn, found *Found) error {
	if err := admin.Exec(ctx, `CREATE OR REPLACE TABLE of_go (Timestamp DateTime64(9), Name LowCardinality(String),
		Attributes Map(LowCardinality(String), String),
		Events Nested (Timestamp DateTime64(9), Name LowCardinality(String), Attributes Map(LowCardinality(String), String)),
		Duration UInt64) ENGINE = MergeTree ORDER BY Timestamp`); err != nil {
		return fmt.Errorf("create: %w", err)
	}
	batch, err := admin.PrepareBatch(ctx, "INSERT INTO of_go (Timestamp, Name, Attributes, Events.Timestamp, Events.Name, Events.Attributes, Duration)")
	if err != nil {
		return fmt.Errorf("prepare: %w", err)
	}
	now := time.Now()
	for number := range insertedRows {
		if err := batch.Append(now, "run", map[string]string{"k": "ü"}, []time.Time{now}, []string{"exception"},
			[]map[string]string{{"a": "b"}}, uint64(number)); err != nil {
			return fmt.Errorf("append: %w", err)
		}
	}
	if err := batch.Send(); err != nil {
		return fmt.Errorf("insert: %w", err)
	}
	if err := admin.QueryRow(ctx, "SELECT count() FROM of_go").Scan(&found.Inserted); err != nil {
		return fmt.Errorf("count of inserted: %w", err)
	}
	rows, err := admin.Query(ctx, "SELECT Timestamp, Attributes, Events.Name, Duration FROM of_go WHERE Duration >= {from:UInt64}",
		clickhouse.Named("from", "1000"))
	if err != nil {
		return fmt.Errorf("read back: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var at time.Time
		var attributes map[string]string
		var names []string
		var duration uint64
		if err := rows.Scan(&at, &attributes, &names, &duration); err != nil {
			return fmt.Errorf("scan: %w", err)
		}
		if attributes["k"] == "ü" && names[0] == "exception" && at.Equal(now) {
			found.ReadBack++
		}
	}
	return rows.Err()
}

func count(ctx context.Context, conn clickhouse.Conn, query string) (int, error) {
	rows, err := conn.Query(ctx, query)
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	number := 0
	for rows.Next() {
		number++
	}
	return number, rows.Err()
}

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: clickhouse HOST:PORT ADMIN_PASSWORD_FILE")
		os.Exit(2)
	}
	password, err := os.ReadFile(os.Args[2])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	all := map[string]Found{}
	for name, method := range map[string]clickhouse.CompressionMethod{
		"none": clickhouse.CompressionNone, "lz4": clickhouse.CompressionLZ4,
		"zstd": clickhouse.CompressionZSTD, "gzip": clickhouse.CompressionGZIP,
	} {
		found, err := ask(ctx, os.Args[1], strings.TrimSpace(string(password)), method)
		if err != nil {
			fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
			os.Exit(1)
		}
		all[name] = found
	}
	if err := json.NewEncoder(os.Stdout).Encode(all); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
