// Tables of text for terminals.
#pragma once

#include <string>
#include <vector>

namespace k8sgw::cli {

class Table {
 public:
  // The lines of one cell. What is in them is shown on one line each, whatever they hold.
  using Cell = std::vector<std::string>;

  explicit Table(std::vector<std::string> headers);

  // As many cells as there are headers.
  void Add(std::vector<Cell> row);
  bool empty() const { return rows_.empty(); }
  // With a frame around all cells; columns are as wide as their widest line.
  std::string Render() const;

 private:
  const std::vector<std::string> headers_;
  std::vector<std::vector<Cell>> rows_;
};

// The text in lines of at most `width` characters, broken between words where that is possible.
std::vector<std::string> Wrap(const std::string& text, size_t width);

}  // namespace k8sgw::cli
