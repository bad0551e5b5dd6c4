"""`convene match`: lists of plans that people keep in files, compared without a server.

tables     a file as rows of named cells: CSV and JSON Lines (`text_files`), XLSX (`workbook`)
headings   what people call a column, in eight languages
days       what people write for a date
postings   a row of cells as what a plan says
shelf      rows on disk, so that memory stays flat
index      which pairs to look at, under a budget (`keys`: by what; `undated`: for rows without a date)
colliding  what each row collides with, the strongest and how many
pairing    the run: read, index, score, explain
labels     by which reference a row is called
page, telling   what people read
"""
