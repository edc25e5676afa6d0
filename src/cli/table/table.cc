#include "src/cli/table/table.h"

#include <algorithm>
#include <utility>

#include "src/base/printable.h"

namespace k8sgw::cli {
namespace {

// In characters: those of several bytes are one.
size_t WidthOf(const std::string& text) {
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

std::string Padded(const std::string& text, size_t width, bool centered = false) {
  const size_t missing = width - std::min(width, WidthOf(text));
  const size_t before = centered ? missing / 2 : 0;
  return std::string(before, ' ') + text + std::string(missing - before, ' ');
}

}  // namespace

Table::Table(std::vector<std::string> headers) : headers_(std::move(headers)) {}

void Table::Add(std::vector<Cell> row) {
  row.resize(headers_.size());
  for (Cell& cell : row) {
    for (std::string& line : cell) line = Printable(line);
  }
  rows_.push_back(std::move(row));
}

std::string Table::Render() const {
  std::vector<size_t> widths;
  for (const std::string& header : headers_) widths.push_back(WidthOf(header));
  for (const std::vector<Cell>& row : rows_) {
    for (size_t i = 0; i < row.size(); ++i) {
      for (const std::string& line : row[i]) widths[i] = std::max(widths[i], WidthOf(line));
    }
  }
  std::string frame = "+";
  for (const size_t width : widths) frame += std::string(width + 2, '-') + "+";
  frame += "\n";
  std::string out = frame + "|";
  for (size_t i = 0; i < headers_.size(); ++i) out += " " + Padded(headers_[i], widths[i], true) + " |";
  out += "\n" + frame;
  for (const std::vector<Cell>& row : rows_) {
    size_t lines = 1;
    for (const Cell& cell : row) lines = std::max(lines, cell.size());
    for (size_t line = 0; line < lines; ++line) {
      out += "|";
      for (size_t i = 0; i < row.size(); ++i)
        out += " " + Padded(line < row[i].size() ? row[i][line] : "", widths[i]) + " |";
      out += "\n";
    }
  }
  return out + frame;
}

std::vector<std::string> Wrap(const std::string& text, size_t width) {
  std::vector<std::string> lines;
  size_t begin = 0;
  while (begin < text.size()) {
    const size_t newline = std::min(text.find('\n', begin), text.size());
    size_t end = newline;
    if (end - begin > width) {
      const size_t space = text.rfind(' ', begin + width);
      end = space != std::string::npos && space > begin ? space : begin + width;
      // Not within a character.
      while (end < newline && (text[end] & 0xC0) == 0x80) ++end;
    }
    lines.push_back(text.substr(begin, end - begin));
    begin = end < text.size() && (text[end] == ' ' || text[end] == '\n') ? end + 1 : end;
  }
  return lines;
}

}  // namespace k8sgw::cli
